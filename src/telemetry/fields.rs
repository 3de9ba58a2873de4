//! The fields of a log line in text: `name=value`, a plain text in quotes where it could be misread, and no value on more
//! than one line. What is written by `Display` or `Debug` stands as it is written, but for its control characters.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// Writes fields; the message comes without its name.
pub(super) struct Fields;

impl<'line> FormatFields<'line> for Fields {
    fn format_fields<R: RecordFields>(&self, line: Writer<'line>, fields: R) -> fmt::Result {
        let mut pen = Pen {
            line,
            first: true,
            outcome: Ok(()),
        };
        fields.record(&mut pen);
        pen.outcome
    }
}

struct Pen<'line> {
    line: Writer<'line>,
    /// Nothing is written yet.
    first: bool,
    outcome: fmt::Result,
}

impl Pen<'_> {
    fn write(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let name = field.name();
        // What a line of the `log` crate says of its place is told by the line already.
        if self.outcome.is_err() || name.starts_with("log.") {
            return;
        }
        self.outcome = self.name(name).and_then(|()| value(&mut self.line));
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        if !std::mem::take(&mut self.first) {
            self.line.write_char(' ')?;
        }
        if name == "message" {
            return Ok(());
        }
        self.line.write_str(name)?;
        self.line.write_char('=')
    }
}

impl Visit for Pen<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let message = field.name() == "message";
        self.write(field, |line| {
            if message || is_plain(value) {
                OneLine(line).write_str(value)
            } else {
                write!(line, "{value:?}")
            }
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, |line| line.write_str(itoa::Buffer::new().format(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, |line| line.write_str(itoa::Buffer::new().format(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, |line| write!(OneLine(line), "{value:?}"));
    }
}

/// Whether a value is read as one even without quotes.
fn is_plain(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    !value.is_empty() && value.bytes().all(plain)
}

/// Writes control characters as escapes: whatever a text holds, it begins no line of its own and gives no orders to a
/// terminal.
struct OneLine<'a, 'line>(&'a mut Writer<'line>);

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(char::is_control) {
            let (before, from) = rest.split_at(at);
            self.0.write_str(before)?;
            let mut characters = from.chars();
            if let Some(control) = characters.next() {
                write!(self.0, "{}", control.escape_default())?;
            }
            rest = characters.as_str();
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::Fields;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// What is written of the lines that `log` logs.
    fn written(log: impl FnOnce()) -> String {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(Fields)
            .with_writer(written.clone())
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_level(false)
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_value_stands_in_quotes_where_it_could_be_misread() {
        let line = written(|| {
            tracing::info!(
                method = "GET",
                path = "/a b",
                none = "",
                status = 200_u16,
                left = -3,
                "a message"
            );
        });
        assert_eq!(
            line,
            "a message method=GET path=\"/a b\" none=\"\" status=200 left=-3\n"
        );
        let line = written(|| {
            tracing::info!(name = "张三", quoted = "say \"a\\b\"", yes = true, who = ?Some("x"));
        });
        assert_eq!(
            line,
            "name=\"张三\" quoted=\"say \\\"a\\\\b\\\"\" yes=true who=Some(\"x\")\n"
        );
    }

    #[test]
    fn no_text_begins_a_line_of_its_own_or_orders_a_terminal_about() {
        let hostile = "one\r\ntwo \u{1b}[2J\u{9b}31m";
        let line = written(|| {
            tracing::info!(text = hostile, shown = %hostile, debugged = ?hostile, "{hostile}");
        });
        assert!(line.starts_with(r"one\r\ntwo \u{1b}[2J\u{9b}31m "), "{line}");
        assert_eq!(line.matches(char::is_control).count(), 1, "{line}");
        assert!(line.ends_with('\n'), "{line}");
    }
}
