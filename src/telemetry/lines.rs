//! Log lines, gathered and written together: a system call for each would cost more than many a request.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// The longest that a line waits.
const EVERY: Duration = Duration::from_millis(50);

/// So much is written at once without waiting.
const FULL: usize = 64 * 1024;

/// Where log lines go. The last clone writes what is left.
#[derive(Clone)]
pub struct Lines(Arc<Gathered>);

struct Gathered(Mutex<Vec<u8>>);

impl Lines {
    pub(super) fn start() -> Self {
        let lines = Self(Arc::new(Gathered(Mutex::default())));
        let gathered = Arc::downgrade(&lines.0);
        thread::spawn(move || {
            while let Some(gathered) = gathered.upgrade() {
                gathered.write_out();
                drop(gathered);
                thread::sleep(EVERY);
            }
        });
        lines
    }

    /// Writes what is gathered now.
    pub fn flush(&self) {
        self.0.write_out();
    }
}

impl Gathered {
    fn write_out(&self) {
        let lines = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if !lines.is_empty() {
            // Nobody reads any more: there is no place left to say so.
            let _ = io::stdout().lock().write_all(&lines);
        }
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        self.write_out();
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let full = {
            let mut gathered = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
            gathered.extend_from_slice(line);
            gathered.len() >= FULL
        };
        if full {
            self.0.write_out();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Lines;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}
