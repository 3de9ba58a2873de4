//! The new family's search for people by name.

use serde_json::json;

use super::app_tokens::mandatory;
use crate::simulator::call::Call;
use crate::simulator::grants::AppIndex;
use crate::simulator::state::State;
use crate::simulator::wire::Said;

/// Most people of one answer.
const MOST: usize = 100;

/// `POST /v1.0/contact/users/search`.
pub(in crate::simulator) fn users(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    let word = match mandatory(call, "queryWord") {
        Ok(word) => word,
        Err(refused) => return refused,
    };
    let place = |name: &str| call.number(name).and_then(|number| usize::try_from(number).ok());
    let (Some(offset), Some(size @ 1..=MOST)) = (place("offset"), place("size")) else {
        return Said::new(400, "invalidParameter.page", "不合法的分页参数");
    };
    let whole = call.number("fullMatchField") == Some(1);
    let found: Vec<&str> = state
        .company
        .people()
        .filter(|person| {
            if whole {
                person.name == word
            } else {
                person.name.contains(word)
            }
        })
        .filter(|person| state.sees(app, person))
        .map(|person| person.userid.as_str())
        .collect();
    let page: Vec<&&str> = found.iter().skip(offset).take(size).collect();
    Said::Flat(json!({
        "hasMore": offset + page.len() < found.len(), "totalCount": found.len(), "list": page,
    }))
}
