//! Log lines, gathered and written together: a system call for each would cost more than many a request.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// The longest that a line waits, unless the output is stuck.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// So many bytes are written without further waiting.
const FULL: usize = 64 * 1024;

/// With so many bytes behind a stuck output, whoever logs waits for it: better than to run out of memory.
const TOO_MUCH: usize = 1024 * 1024;

/// Where log lines go, in the order in which they come. Clones share one buffer.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    gathered: Mutex<Gathered>,
    /// Tells the background that there is something to do.
    wake: Condvar,
    /// Held from taking lines to having written them, so that nobody's lines overtake another's.
    output: Mutex<Output>,
}

#[derive(Default)]
struct Gathered {
    lines: Vec<u8>,
    closed: bool,
}

struct Output {
    to: Box<dyn Write + Send>,
    /// The other of the two buffers; they change places at each writing and keep their room.
    spare: Vec<u8>,
}

impl Lines {
    /// Gathers lines for that output.
    pub(super) fn new(to: impl Write + Send + 'static) -> Self {
        let output = Output {
            to: Box::new(to),
            spare: Vec::new(),
        };
        Self(Arc::new(Shared {
            gathered: Mutex::default(),
            wake: Condvar::new(),
            output: Mutex::new(output),
        }))
    }

    /// Writes what is gathered until [`Lines::close`] is called: for a thread of its own. It sleeps while nobody logs.
    pub(super) fn write_in_background(&self) {
        let mut closed = false;
        while !closed {
            let empty = |gathered: &mut Gathered| gathered.lines.is_empty() && !gathered.closed;
            let gathered = self
                .0
                .wake
                .wait_while(self.gathered(), empty)
                .unwrap_or_else(PoisonError::into_inner);
            let few = |gathered: &mut Gathered| gathered.lines.len() < FULL && !gathered.closed;
            let waited = self.0.wake.wait_timeout_while(gathered, LONGEST_WAIT, few);
            closed = waited.unwrap_or_else(PoisonError::into_inner).0.closed;
            self.write_out();
        }
    }

    /// Writes what is gathered, and from now on each line at once.
    pub(super) fn close(&self) {
        self.gathered().closed = true;
        self.0.wake.notify_all();
        self.write_out();
    }

    /// Writes what is gathered now.
    fn write_out(&self) {
        let mut output = self.0.output.lock().unwrap_or_else(PoisonError::into_inner);
        let Output { to, spare } = &mut *output;
        mem::swap(&mut self.gathered().lines, spare);
        if !spare.is_empty() {
            // Where nobody reads any more there is no place left to say so.
            let _ = to.write_all(spare).and_then(|()| to.flush());
            spare.clear();
        }
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.0.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one line.
pub(super) struct Line<'a> {
    lines: &'a Lines,
    /// Somebody may be waiting for it, or the process about to end.
    urgent: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut gathered = self.lines.gathered();
        let before = gathered.lines.len();
        gathered.lines.extend_from_slice(line);
        let after = gathered.lines.len();
        let at_once = self.urgent || gathered.closed || after >= TOO_MUCH;
        drop(gathered);
        if at_once {
            self.lines.write_out();
        } else if before == 0 || (before < FULL && after >= FULL) {
            // To wake the background is a system call, so that is done for the first line and for a full buffer.
            self.lines.0.wake.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            lines: self,
            urgent: true,
        }
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> Self::Writer {
        Line {
            lines: self,
            urgent: *line.level() <= Level::WARN,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;
    use std::time::Duration;

    use super::{FULL, Line, Lines};

    /// Sends on each piece that is written: one piece is one system call.
    struct Pieces(Sender<Vec<u8>>);

    impl Write for Pieces {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.0.send(piece.to_vec()).map_err(io::Error::other)?;
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines() -> (Lines, Receiver<Vec<u8>>) {
        let (sender, pieces) = channel();
        (Lines::new(Pieces(sender)), pieces)
    }

    fn log(lines: &Lines, text: &[u8], urgent: bool) {
        Line { lines, urgent }.write_all(text).unwrap();
    }

    #[test]
    fn common_lines_wait_and_a_warning_takes_them_along_in_order() {
        let (lines, pieces) = lines();
        log(&lines, b"one\n", false);
        log(&lines, b"two\n", false);
        assert!(pieces.try_recv().is_err());
        log(&lines, b"warning\n", true);
        assert_eq!(pieces.try_recv().unwrap(), b"one\ntwo\nwarning\n");
    }

    #[test]
    fn the_background_writes_a_lone_line_soon_and_stops_when_closed() {
        let (lines, pieces) = lines();
        let background = lines.clone();
        let thread = thread::spawn(move || background.write_in_background());
        log(&lines, b"one\n", false);
        assert_eq!(pieces.recv_timeout(Duration::from_secs(10)).unwrap(), b"one\n");
        lines.close();
        thread.join().unwrap();
    }

    #[test]
    fn closing_writes_what_is_left_and_later_lines_are_not_lost() {
        let (lines, pieces) = lines();
        log(&lines, b"last\n", false);
        lines.close();
        log(&lines, b"later\n", false);
        assert_eq!(
            pieces.try_iter().collect::<Vec<_>>(),
            [b"last\n".to_vec(), b"later\n".to_vec()]
        );
    }

    #[test]
    fn with_no_background_the_buffer_stays_bounded() {
        let (lines, pieces) = lines();
        let full = vec![b'x'; FULL];
        for _ in 0..40 {
            log(&lines, &full, false);
        }
        assert!(pieces.try_iter().map(|piece| piece.len()).sum::<usize>() >= 24 * FULL);
    }

    #[test]
    fn lines_of_many_threads_come_out_whole() {
        let (lines, pieces) = lines();
        thread::scope(|scope| {
            for thread in 0..4 {
                let lines = &lines;
                scope.spawn(move || {
                    for line in 0..500 {
                        log(lines, format!("{thread} {line}\n").as_bytes(), line % 50 == 0);
                    }
                });
            }
        });
        lines.close();
        let text = String::from_utf8(pieces.try_iter().flatten().collect()).unwrap();
        for thread in 0..4 {
            let prefix = format!("{thread} ");
            let seen: Vec<usize> = text
                .lines()
                .filter_map(|line| line.strip_prefix(&prefix)?.parse().ok())
                .collect();
            assert_eq!(seen, (0..500).collect::<Vec<_>>());
        }
    }

    #[test]
    fn only_warnings_and_errors_are_urgent() {
        let (lines, pieces) = lines();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(lines.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("calm");
            assert!(pieces.try_recv().is_err());
            tracing::error!("alarm");
        });
        let text = String::from_utf8(pieces.try_recv().unwrap()).unwrap();
        assert!(text.contains("calm") && text.contains("alarm"), "{text}");
    }
}
