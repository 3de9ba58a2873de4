//! The HTML of the sign-in page.

use qrcode::QrCode;
use qrcode::render::svg;

use crate::simulator::avatar;
use crate::simulator::company::Company;
use crate::simulator::html::escaped;
use crate::simulator::person::Person;

const SIGN_IN: &str = include_str!("sign_in.html");
const NOTICE: &str = include_str!("notice.html");
const STYLE: &str = include_str!("style.css");

/// What the page shows.
pub(super) struct SignIn<'a> {
    pub(super) company: &'a Company,
    /// Host of the page that asked.
    pub(super) asks: &'a str,
    pub(super) id: &'a str,
    pub(super) query: &'a str,
    /// Opened by scanning the picture: no picture here.
    pub(super) on_phone: bool,
    /// Where the picture leads.
    pub(super) confirm: &'a str,
    pub(super) people: &'a [&'a Person],
}

/// The page with picture and people.
pub(super) fn sign_in(shown: &SignIn<'_>) -> String {
    let people: String = shown.people.iter().map(|person| row(person, shown.company)).collect();
    let people = if people.is_empty() {
        r#"<p class="nobody">没有找到</p>"#.to_owned()
    } else {
        people
    };
    let device = if shown.on_phone { "phone" } else { "" };
    filled(
        SIGN_IN,
        &[
            ("style", STYLE),
            ("company", &escaped(shown.company.name())),
            ("asks", &escaped(shown.asks)),
            ("id", &escaped(shown.id)),
            ("query", &escaped(shown.query)),
            ("device", device),
            (
                "qr",
                &if shown.on_phone {
                    String::new()
                } else {
                    picture(shown.confirm)
                },
            ),
            ("people", &people),
        ],
    )
}

/// A page that says one thing.
pub(super) fn notice(title: &str, text: &str) -> String {
    filled(
        NOTICE,
        &[("style", STYLE), ("title", &escaped(title)), ("text", &escaped(text))],
    )
}

fn row(person: &Person, company: &Company) -> String {
    let department = person.dept_id_list.first().and_then(|id| company.department(*id));
    let place = [
        department.map(|department| department.name.as_str()),
        person.title.as_deref(),
    ];
    let place: Vec<&str> = place.into_iter().flatten().collect();
    format!(
        r#"<button name="userid" value="{}">{}<span><b>{}</b><small>{}</small></span></button>"#,
        escaped(&person.userid),
        avatar::picture(&person.name),
        escaped(&person.name),
        escaped(&place.join(" · ")),
    )
}

/// A QR picture of an address.
fn picture(address: &str) -> String {
    let Ok(code) = QrCode::new(address) else {
        return String::new();
    };
    let svg = code
        .render::<svg::Color<'_>>()
        .min_dimensions(208, 208)
        .dark_color(svg::Color("#171a1d"))
        .light_color(svg::Color("#fff"))
        .build();
    // Inline, a picture has no XML declaration of its own.
    svg.find("<svg")
        .and_then(|at| svg.get(at..))
        .unwrap_or_default()
        .to_owned()
}

/// The template with every `{{name}}` replaced, in one pass: what is put in is not looked at again.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut pieces = template.split("{{");
    let mut html = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or(("", piece));
        let value = values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        html.push_str(value.unwrap_or_default());
        html.push_str(rest);
    }
    html
}
