use std::collections::BTreeMap;

use super::*;
use crate::value::Value;

/// Files in memory, for as many changes as `changes_left` says. A write beyond that is half done.
#[derive(Clone, Debug, Default)]
struct Memory {
    files: BTreeMap<String, Vec<u8>>,
    changes_left: Option<u32>,
}

impl Memory {
    fn change(&mut self) -> io::Result<()> {
        match &mut self.changes_left {
            Some(0) => Err(io::ErrorKind::StorageFull.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Directory for Memory {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.keys().cloned().collect())
    }

    fn read(&self, file: &str) -> io::Result<Vec<u8>> {
        self.files.get(file).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&mut self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let changed = self.change();
        let written = if changed.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        let content = self.files.entry(file.to_owned()).or_default();
        let (start, end) = (offset as usize, offset as usize + written.len());
        content.resize(content.len().max(end), 0);
        content[start..end].copy_from_slice(written);
        if changed.is_ok() {
            content.truncate(end);
        }
        changed
    }

    fn sync(&mut self, _file: &str) -> io::Result<()> {
        self.change()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.change()?;
        let content = self.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.change()?;
        self.files.remove(file).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.change()
    }

    fn place(&self, file: &str) -> String {
        format!("data/n0/{file}")
    }
}

fn open_with(disk: Memory, repair: bool) -> Result<Opened<Memory>, JournalError> {
    let options = OpenOptions { repair, ..OpenOptions::default() };
    Journal::open(disk, &"n0".into(), Generation(5), &options)
}

fn open(disk: Memory) -> Journal<Memory> {
    open_with(disk, false).unwrap().journal
}

/// The entries with these sequence numbers, of a node that submits its sequence numbers.
fn run(node: &str, sequences: std::ops::Range<u64>) -> Run {
    let first = sequences.start;
    let values = sequences.map(|sequence| Value::Int(sequence as i64)).collect();
    Run { node: node.into(), generation: Generation(1), first, values }
}

fn batch(runs: Vec<Run>) -> Batch {
    Batch { runs, upto: Offset::default() }
}

/// The names of the entries in a journal. All must have the value of their number.
fn entries(journal: &Journal<Memory>) -> BTreeSet<(Name, u64)> {
    let mut entries = BTreeSet::new();
    let restored = journal.restore(|run| {
        for (sequence, value) in (run.first..).zip(&run.values) {
            assert_eq!(*value, Value::Int(sequence as i64), "{run:?}");
            entries.insert((Name::clone(&run.node), sequence));
        }
        Ok(())
    });
    restored.unwrap();
    entries
}

fn numbers(node: &str, sequences: std::ops::Range<u64>) -> BTreeSet<(Name, u64)> {
    sequences.map(|sequence| (node.into(), sequence)).collect()
}

/// A journal of three commits in one segment, and the length of the segment after each.
fn three_commits() -> (Memory, [usize; 3]) {
    let mut journal = open(Memory::default());
    let lengths = [0..2, 2..4, 4..6].map(|sequences| {
        journal.commit(&batch(vec![run("n1", sequences)])).unwrap();
        journal.length as usize
    });
    (journal.into_directory(), lengths)
}

const FIRST: &str = "00000001.segment";

#[test]
fn entries_are_there_again_and_every_start_is_a_later_generation() {
    let mut journal = open(Memory::default());
    assert_eq!(journal.generation(), Generation(5));
    assert!(entries(&journal).is_empty());
    journal.commit(&batch(vec![run("n1", 3..5), run("n0", 0..2)])).unwrap();
    journal.commit(&batch(vec![run("n1", 0..3)])).unwrap();
    let mut expected = numbers("n1", 0..5);
    expected.extend(numbers("n0", 0..2));
    for generation in 6..9 {
        journal = open(journal.into_directory());
        assert_eq!((entries(&journal), journal.generation().0), (expected.clone(), generation));
        journal.commit(&batch(vec![])).unwrap();
    }
    // A start that wrote nothing has shown its generation to no one.
    journal = open(open(journal.into_directory()).into_directory());
    assert_eq!(journal.generation(), Generation(9));
    let later = Journal::open(
        journal.into_directory(),
        &"n0".into(),
        Generation(70),
        &OpenOptions::default(),
    );
    assert_eq!(later.unwrap().journal.generation(), Generation(70));
}

#[test]
fn a_write_that_was_not_completed_is_cut_off_at_whatever_byte_it_ends() {
    let (disk, [_, second, third]) = three_commits();
    for cut in second..=third {
        let mut torn = disk.clone();
        torn.files.get_mut(FIRST).unwrap().truncate(cut);
        let Opened { mut journal, notes } = open_with(torn, false).unwrap();
        let held = if cut == third { 6 } else { 4 };
        assert_eq!(entries(&journal), numbers("n1", 0..held), "cut at {cut}");
        let note = format!(
            "data/n0/{FIRST}: the last write was not completed: {} bytes cut off at byte {second}",
            cut - second
        );
        let is_torn = second < cut && cut < third;
        assert_eq!(notes, if is_torn { vec![note] } else { vec![] });
        journal.commit(&batch(vec![run("n1", held..9)])).unwrap();
        let Opened { journal, notes } = open_with(journal.into_directory(), false).unwrap();
        assert_eq!((entries(&journal), notes), (numbers("n1", 0..9), vec![]));
    }
}

#[test]
fn a_write_that_was_not_completed_may_have_any_content() {
    let (disk, [_, second, third]) = three_commits();
    for at in second..third {
        for from in [second, at] {
            let mut torn = disk.clone();
            torn.files.get_mut(FIRST).unwrap()[from..=at].fill(0);
            // A byte that was zero already is as it was.
            let held = if torn.files == disk.files { 6 } else { 4 };
            assert_eq!(entries(&open(torn)), numbers("n1", 0..held), "bytes {from} to {at}");
        }
    }
}

#[test]
fn damage_before_the_end_names_the_place_and_is_repaired_only_if_that_is_wanted() {
    let (disk, [first, second, _]) = three_commits();
    for at in 0..second {
        let mut damaged = disk.clone();
        damaged.files.get_mut(FIRST).unwrap()[at] ^= 0x20;
        let error = open_with(damaged.clone(), false).unwrap_err();
        let start = if at < first { 0 } else { first };
        let expected = format!("data/n0/{FIRST} is damaged at byte {start}: ");
        assert!(error.to_string().starts_with(&expected), "byte {at}: {error}");
        let Opened { mut journal, notes } = open_with(damaged.clone(), true).unwrap();
        let whole = if at < first {
            numbers("n1", 2..6)
        } else {
            &numbers("n1", 0..2) | &numbers("n1", 4..6)
        };
        assert_eq!(entries(&journal), whole, "byte {at}");
        assert!(notes[0].contains("4 entries are not"), "{notes:?}");
        journal.commit(&batch(vec![run("n1", 6..7)])).unwrap();
        let disk = journal.into_directory();
        assert_eq!(disk.files["00000001.damaged"], damaged.files[FIRST]);
        let Opened { journal, notes } = open_with(disk, false).unwrap();
        assert_eq!((entries(&journal), notes), (&whole | &numbers("n1", 6..7), vec![]));
        assert!(journal.generation() > Generation(5));
    }
}

/// A journal of many segments, some of them closed.
fn segmented(commits: u64) -> Memory {
    let mut journal = open(Memory::default());
    journal.options.segment_bytes = 200;
    for sequence in 0..commits {
        journal.commit(&batch(vec![run("n1", sequence..sequence + 1)])).unwrap();
        if sequence < commits / 2 {
            journal.maintain().unwrap();
        }
    }
    journal.into_directory()
}

#[test]
fn segments_that_were_left_are_closed_and_take_little_more_than_their_values() {
    let mut journal = open(segmented(400));
    let count = journal.segment;
    assert!(count > 20);
    let size = |journal: &Journal<Memory>| {
        let open = file_name(journal.segment);
        let files = journal.directory.files.iter().filter(|(name, _)| **name != open);
        files.map(|(_, bytes)| bytes.len()).sum::<usize>()
    };
    let before = size(&journal);
    assert_eq!(entries(&journal), numbers("n1", 0..400));
    // Not before the next segment is there.
    journal.maintain().unwrap();
    journal.commit(&batch(vec![run("n1", 400..401)])).unwrap();
    journal.maintain().unwrap();
    assert_eq!(entries(&journal), numbers("n1", 0..401));
    assert!(size(&journal) * 3 < before * 2, "{} of {before}", size(&journal));
    let journal = open(journal.into_directory());
    assert_eq!((entries(&journal), journal.left.len()), (numbers("n1", 0..401), 0));
}

#[test]
fn a_segment_that_is_missing_or_too_short_is_an_error_until_it_is_repaired() {
    let disk = segmented(80);
    let last = disk.files.len() as u64;
    assert!(last > 5, "{last}");
    let whole = numbers("n1", 0..80);
    for number in 1..last {
        let name = file_name(number);
        for cut in (0..disk.files[&name].len()).step_by(7) {
            let mut damaged = disk.clone();
            if cut == 0 {
                damaged.files.remove(&name);
            } else {
                damaged.files.get_mut(&name).unwrap().truncate(cut);
            }
            let error = open_with(damaged.clone(), false).unwrap_err().to_string();
            let expected = format!("data/n0/{name} is damaged at byte ");
            assert!(error.starts_with(&expected), "{error}");
            let journal = open_with(damaged, true).unwrap().journal;
            assert!(entries(&journal).is_subset(&whole));
            let held = entries(&open(journal.into_directory())).len();
            assert!((65..80).contains(&held), "{held} with {name} cut at {cut}");
        }
    }
}

#[test]
fn a_segment_cut_between_two_records_is_too_short() {
    let mut journal = open(Memory::default());
    journal.options.segment_bytes = 200;
    let mut first = 0;
    while journal.segment == 1 {
        first = journal.length as usize;
        journal.commit(&batch(vec![run("n1", 0..1)])).unwrap();
    }
    journal.commit(&batch(vec![run("n1", 1..2)])).unwrap();
    let mut disk = journal.into_directory();
    disk.files.get_mut(FIRST).unwrap().truncate(first);
    let error = open_with(disk, false).unwrap_err().to_string();
    let expected = format!("data/n0/{FIRST} is damaged at byte {first}: the segment has another");
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn a_process_that_is_killed_at_any_change_of_its_files_loses_nothing_it_has_committed() {
    let mut kills = 0;
    for changes in 0..120 {
        let mut disk = Memory { changes_left: Some(changes), ..Memory::default() };
        let (mut committed, mut generation) = (0, Generation(0));
        // Starts, commits and closes segments until the disk takes no more changes, three times.
        for life in 1..=3 {
            let mut journal = match open_with(disk.clone(), false) {
                Ok(opened) => opened.journal,
                Err(JournalError::Io { .. }) => open(Memory { changes_left: None, ..disk }),
                Err(error) => panic!("after {changes} changes: {error}"),
            };
            journal.options.segment_bytes = 100;
            assert!(numbers("n1", 0..committed).is_subset(&entries(&journal)), "{changes}");
            assert!(journal.generation() > generation);
            for _ in 0..6 {
                let next = batch(vec![run("n1", committed..committed + 2)]);
                if journal.commit(&next).is_err() {
                    kills += 1;
                    break;
                }
                committed += 2;
                generation = journal.generation();
                if journal.maintain().is_err() {
                    kills += 1;
                    break;
                }
            }
            disk = journal.into_directory();
            disk.changes_left = (life == 1).then_some(changes / 2);
        }
    }
    assert!(kills > 50, "{kills}");
}

#[test]
fn a_commit_that_failed_is_made_again() {
    for changes in 0..3 {
        let mut journal = open(Memory::default());
        journal.commit(&batch(vec![run("n1", 0..2)])).unwrap();
        journal.directory.changes_left = Some(changes);
        let next = batch(vec![run("n1", 2..900)]);
        let failures = (0..3).filter(|_| journal.commit(&next).is_err()).count();
        assert_eq!(failures, if changes < 2 { 3 } else { 2 });
        journal.directory.changes_left = None;
        journal.commit(&next).unwrap();
        let Opened { journal, notes } = open_with(journal.into_directory(), false).unwrap();
        assert_eq!((entries(&journal), notes), (numbers("n1", 0..900), vec![]));
    }
}

#[test]
fn a_journal_of_another_node_or_of_a_later_format_is_not_opened() {
    let (disk, _) = three_commits();
    let other = Journal::open(disk.clone(), &"n7".into(), Generation(5), &OpenOptions::default())
        .unwrap_err();
    assert_eq!(other.to_string(), "data/n0/00000001.segment is of node n0, and this is node n7");
    let mut later = Memory::default();
    let mut record = RecordWriter::new();
    record.header(&Header { format: 2, node: "n0".into(), segment: 1, previous: 0 });
    later.write(FIRST, 0, &record.finish()).unwrap();
    let error = open_with(later, true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "data/n0/00000001.segment is of format 2, and this version reads 1"
    );
    let mut moved = Memory::default();
    moved.write("00000002.segment", 0, &disk.files[FIRST]).unwrap();
    moved.write(FIRST, 0, &disk.files[FIRST]).unwrap();
    let error = open_with(moved, true).unwrap_err();
    assert!(error.to_string().ends_with("the file has the content of segment 1"), "{error}");
}

#[test]
fn the_error_of_a_reader_ends_the_reading() {
    let (disk, _) = three_commits();
    let mut calls = 0;
    let result = open(disk).restore(|_| {
        calls += 1;
        Err("no such node".to_owned())
    });
    let error = result.unwrap_err().to_string();
    assert_eq!((calls, &*error), (1, "data/n0/00000001.segment: no such node"));
}
