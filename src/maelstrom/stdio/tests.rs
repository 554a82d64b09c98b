use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::id::Generation;
use crate::protocols::rumormill::Rumormill;
use crate::protocols::rumormill::config::Config;
use crate::service::Broadcast;

const INIT: &str = r#"{"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0"],"msg_id":1}}"#;
const READ: &str = r#"{"src":"c0","dest":"n0","body":{"type":"read","msg_id":2}}"#;

fn node() -> Server<Rumormill, Broadcast> {
    Server::new(Config::default(), 1, Generation(1))
}

/// The output as its readers got it: one string per write.
#[derive(Clone, Default)]
struct Sink(Rc<RefCell<Vec<String>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().push(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Cannot be written to.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn input(text: &str) -> io::Cursor<Vec<u8>> {
    io::Cursor::new(text.as_bytes().to_vec())
}

#[test]
fn a_batch_of_input_is_answered_in_one_write() {
    let (output, log) = (Sink::default(), Sink::default());
    let text = format!("\n{INIT}\n \r\nnonsense\n{READ}\r\n{READ}");
    run(node(), input(&text), output.clone(), log.clone(), (), None).unwrap();
    let writes = output.0.borrow();
    // The last line, lacking its newline, is a batch of its own or part of the first.
    assert!(writes.len() <= 2, "{writes:?}");
    let all = writes.concat();
    let kinds: Vec<bool> = all.lines().map(|line| line.contains("read_ok")).collect();
    assert_eq!(kinds, [false, true, true]);
    let log = log.0.borrow().concat();
    assert_eq!(log.lines().filter(|line| line.contains("nonsense")).count(), 1, "{log}");
}

#[test]
fn nobody_reading_is_a_way_to_stop_and_a_full_disk_is_an_error() {
    let end = |kind| run(node(), input(INIT), Broken(kind), Sink::default(), (), None);
    end(io::ErrorKind::BrokenPipe).unwrap();
    let error = end(io::ErrorKind::StorageFull).unwrap_err();
    assert!(format!("{error:#}").starts_with("cannot write the output: "), "{error:#}");
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let output = Sink::default();
    let text = format!("{INIT}\nnonsense\n{READ}\n");
    run(node(), input(&text), output.clone(), Broken(io::ErrorKind::BrokenPipe), (), None).unwrap();
    assert!(output.0.borrow().concat().contains("read_ok"));
}

#[test]
fn input_that_cannot_be_read_is_an_error_once_all_is_written() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let output = Sink::default();
    let source = input(&format!("{INIT}\n")).chain(Fails);
    let error = run(node(), source, output.clone(), Sink::default(), (), None).unwrap_err();
    assert_eq!(format!("{error:#}"), "cannot read the input: gone");
    assert!(output.0.borrow().concat().contains("init_ok"));
}

#[test]
fn a_recorder_sees_inputs_and_outputs_in_order() {
    #[derive(Clone, Default)]
    struct List(Rc<RefCell<Vec<String>>>);
    impl Recorder for List {
        fn input(&mut self, _now: Instant, input: &Input<'_>) {
            self.0.borrow_mut().push(match input {
                Input::Message(line) => format!("> {}", String::from_utf8_lossy(line)),
                other => format!("> {other:?}"),
            });
        }

        fn output<M: Wire>(&mut self, _message: &Message<M>, line: &[u8]) {
            self.0.borrow_mut().push(format!("< {}", String::from_utf8_lossy(line)));
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let list = List::default();
    let text = format!("{INIT}\n{READ}\n");
    run(node(), input(&text), Sink::default(), Sink::default(), list.clone(), None).unwrap();
    let seen = list.0.borrow();
    // Before `init` and without peers no deadline comes, so this is all.
    assert_eq!((&*seen[0], &*seen[2]), (&*format!("> {INIT}"), &*format!("> {READ}")));
    assert!(seen[1].starts_with('<') && seen[1].contains("init_ok"), "{}", seen[1]);
    assert!(seen[3].starts_with('<') && seen[3].contains("read_ok"), "{}", seen[3]);
    assert_eq!(seen[4..], ["> End"]);
}
