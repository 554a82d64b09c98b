//! Reads `history.edn`, Maelstrom's or ours: one operation per line, tagged or not.

use anyhow::{Context as _, Result, bail};

use super::{ADD, Action, BROADCAST, Op, OpError, OpKind, OpValue, Process, READ, ReadSet};
use crate::format::edn::Edn;

/// How the text of a [`OpError::Exception`] begins in the file.
const EXCEPTION: &str = "indeterminate: ";

/// Reads a whole history of operations of these kinds.
///
/// # Errors
/// Names the line, and what is wrong there.
pub fn read(text: &str, functions: &[&'static str]) -> Result<Vec<Op>> {
    let mut ops = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let op = read_line(line, ops.len(), functions);
        ops.push(op.with_context(|| format!("line {number}"))?);
    }
    Ok(ops)
}

fn read_line(line: &str, position: usize, functions: &[&'static str]) -> Result<Op> {
    let Some((before, integers, after)) = plain_read(line) else {
        let Some((before, digits, after)) = large_id(line) else {
            return read_op(&Edn::parse(line)?, position, functions);
        };
        let mut op = read_op(&Edn::parse(&format!("{before}nil{after}"))?, position, functions)?;
        if let Action::Client { value, .. } = &mut op.action {
            *value = OpValue::Edn(Edn::Symbol(digits.to_owned()));
        }
        return Ok(op);
    };
    // Nearly all of a history are the values that reads returned: they are not worth a tree.
    let mut op = read_op(&Edn::parse(&format!("{before}nil{after}"))?, position, functions)?;
    if let Action::Client { value, .. } = &mut op.action {
        let mut len = 0;
        let ints = integers
            .split_ascii_whitespace()
            .inspect(|_| len += 1)
            .map(str::parse::<u64>)
            .collect::<Result<_, _>>()?;
        *value = OpValue::Set(ReadSet { ints, len, ..ReadSet::default() });
    }
    Ok(op)
}

/// A line around the value of a read that returned nothing but integers of a usual length.
fn plain_read(line: &str) -> Option<(&str, &str, &str)> {
    const VALUE: &str = ":f :read, :value ";
    let start = line.find(VALUE)? + VALUE.len();
    let inside = line[start..].strip_prefix('[')?;
    let end = inside.find(|char: char| !char.is_ascii_digit() && char != ' ')?;
    let (integers, after) = inside.split_at(end);
    let is_usual =
        |integer: &str| integer.len() < 19 && (integer == "0" || !integer.starts_with('0'));
    let all_usual = integers.split_ascii_whitespace().all(is_usual);
    Some((&line[..start], integers, after.strip_prefix(']').filter(|_| all_usual)?))
}

/// A line around an id that is an integer of more than 64 bits: EDN has an `N` behind it.
fn large_id(line: &str) -> Option<(&str, &str, &str)> {
    const VALUE: &str = ":f :generate, :value ";
    let start = line.find(VALUE)? + VALUE.len();
    let text = &line[start..];
    let digits = text.strip_prefix('-').unwrap_or(text);
    let sign = text.len() - digits.len();
    let end = sign + digits.find(|char: char| !char.is_ascii_digit())?;
    text[end..].starts_with('N').then(|| (&line[..start], &text[..=end], &text[end + 1..]))
}

fn read_op(edn: &Edn, position: usize, functions: &[&'static str]) -> Result<Op> {
    let number = |name: &str| {
        edn.at(&[name]).and_then(Edn::as_u64).with_context(|| format!("there is no number :{name}"))
    };
    let name = keyword(edn, "type")?;
    let Some(kind) = OpKind::ALL.into_iter().find(|kind| kind.name() == name) else {
        bail!(":type is :{name}, not one of :{}", OpKind::ALL.map(OpKind::name).join(", :"));
    };
    let process = match edn.at(&["process"]) {
        Some(Edn::Key(name)) if name == "nemesis" => Process::Nemesis,
        _ => Process::Client(number("process")?),
    };
    Ok(Op {
        index: number("index").map_or(position, |index| index as usize),
        time: number("time")?,
        kind,
        process,
        action: read_action(edn, process, kind, functions)?,
        is_final: edn.at(&["final?"]) == Some(&Edn::Bool(true)),
        error: edn.at(&["error"]).map(read_error),
    })
}

fn read_action(
    edn: &Edn,
    process: Process,
    kind: OpKind,
    functions: &[&'static str],
) -> Result<Action> {
    let f = keyword(edn, "f")?;
    let value = edn.at(&["value"]).unwrap_or(&Edn::Nil);
    if process == Process::Nemesis {
        return Ok(Action::Nemesis { name: f.to_owned(), value_edn: value.to_string() });
    }
    let Some(f) = functions.iter().copied().find(|known| *known == f) else {
        bail!(":f is :{f}; expected one of :{}", functions.join(", :"))
    };
    let value = match (f, value) {
        // A node may answer `null` while it holds nothing: for Maelstrom an empty list.
        (READ, Edn::Nil) if kind == OpKind::Ok => OpValue::Set(ReadSet::default()),
        (READ, Edn::Vector(items)) => OpValue::Set(read_set(items)),
        (READ, Edn::Nil) => OpValue::Nil,
        (READ | ADD, Edn::Int(int)) => OpValue::Int(*int),
        (READ, other) => bail!("{other} is not what a read returns"),
        (BROADCAST, other) => {
            let value = other.as_u64().and_then(|value| value.try_into().ok());
            OpValue::Int(value.with_context(|| format!("the :value {other} was never broadcast"))?)
        }
        (ADD, other) => bail!("the :value {other} was never added"),
        (_, other) => other.clone().into(),
    };
    Ok(Action::Client { f, value })
}

fn read_set(items: &[Edn]) -> ReadSet {
    let mut set = ReadSet { len: items.len(), ..ReadSet::default() };
    for item in items {
        // `2.0` is no broadcast value, for Maelstrom neither.
        match item {
            Edn::Int(int) if *int >= 0 => _ = set.ints.insert(int.unsigned_abs()),
            _ => set.others.add(&item.to_string()),
        }
    }
    set
}

fn read_error(error: &Edn) -> OpError {
    match error {
        Edn::Key(name) if name == "net-timeout" => OpError::Timeout,
        Edn::Key(name) => OpError::Reply { name: name.clone(), text: None },
        Edn::Vector(items) => {
            let text = |at: usize| items.get(at).and_then(Edn::as_str).map(str::to_owned);
            OpError::Reply { name: text(0).unwrap_or_else(|| "unknown".to_owned()), text: text(1) }
        }
        other => {
            let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            OpError::Exception(text.strip_prefix(EXCEPTION).unwrap_or(&text).to_owned())
        }
    }
}

fn keyword<'e>(edn: &'e Edn, name: &str) -> Result<&'e str> {
    match edn.at(&[name]) {
        Some(Edn::Key(text)) => Ok(text),
        _ => bail!("there is no keyword :{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::script;

    /// As Maelstrom writes it: plain and tagged, partitions, an error reply, a timeout, a reply
    /// of the wrong shape, and a read that returns a value that was never broadcast.
    const TEXT: &str = r#"
{:index 0, :time 12, :type :info, :process :nemesis, :f :start-partition, :value :one}
{:index 1, :time 13, :type :info, :process :nemesis, :f :start-partition, :value [:isolated {"n0" #{"n1"}}]}
{:index 2, :time 14, :type :invoke, :process 0, :f :broadcast, :value 7}
#jepsen.history.Op{:index 3, :time 15, :type :info, :process 0, :f :broadcast, :value 7, :error :net-timeout}
{:index 4, :time 16, :type :invoke, :process 1, :f :read, :value nil, :final? true}
{:index 5, :time 17, :type :ok, :process 1, :f :read, :value [7 7 "x" 2.0 -1], :final? true}
{:index 6, :time 18, :type :fail, :process 1, :f :read, :value nil, :error [:temporarily-unavailable "later"]}
{:index 7, :time 19, :type :info, :process 1, :f :read, :value nil, :exception {:via [{:type clojure.lang.ExceptionInfo, :at [a.b$c invoke "a.clj" 1]}]}, :error "indeterminate: no type"}
"#;

    const FUNCTIONS: [&str; 5] = [BROADCAST, READ, ADD, "generate", "echo"];

    fn read(text: &str) -> Result<Vec<Op>> {
        super::read(text, &FUNCTIONS)
    }

    #[test]
    fn maelstroms_lines_are_read() {
        let ops = read(TEXT).unwrap();
        assert_eq!(ops.len(), 8);
        assert_eq!((ops[0].process, ops[0].kind), (Process::Nemesis, OpKind::Info));
        let Action::Nemesis { name, value_edn } = &ops[1].action else { panic!() };
        assert_eq!((&**name, &**value_edn), ("start-partition", r#"[:isolated {"n0" #{"n1"}}]"#));
        assert_eq!(
            (&ops[3].action, &ops[3].error),
            (&script::broadcast(7), &Some(OpError::Timeout))
        );
        assert_eq!((ops[3].index, ops[3].time), (3, 15));
        assert_eq!((&ops[4].action, ops[4].is_final), (&script::read(None), true));
        let set = ops[5].action.read_set().unwrap();
        assert_eq!((set.ints.iter().collect::<Vec<_>>(), set.len), (vec![7], 5));
        let others: Vec<&str> = set.others.texts.iter().map(|text| &**text).collect();
        assert_eq!((others, set.others.count), (vec!["\"x\"", "-1", "2.0"], 3));
        let reply = OpError::Reply {
            name: "temporarily-unavailable".to_owned(),
            text: Some("later".to_owned()),
        };
        assert_eq!(ops[6].error, Some(reply));
        assert_eq!(ops[7].error, Some(OpError::Exception("no type".to_owned())));
    }

    #[test]
    fn the_short_way_reads_the_same() {
        for values in ["", "0", "3 1 2 3", " 7 ", "123456789012345678 5"] {
            let line = format!(
                "{{:index 4, :time 5, :type :ok, :process 1, :f :read, :value [{values}], \
                 :final? true}}"
            );
            assert!(plain_read(&line).is_some(), "{values}");
            let long = read_op(&Edn::parse(&line).unwrap(), 0, &FUNCTIONS).unwrap();
            assert_eq!(read_line(&line, 0, &FUNCTIONS).unwrap(), long, "{values}");
        }
        for values in ["01", "-1", "1.0", "\"]\"", "1234567890123456789", "[1]", "1 [2"] {
            let line = format!("{{:f :read, :value [{values}]}}");
            assert!(plain_read(&line).is_none(), "{values}");
        }
    }

    #[test]
    fn a_read_that_returned_null_is_an_empty_one() {
        let line = "{:index 5, :time 17, :type :ok, :process 1, :f :read, :value nil}";
        assert_eq!(read(line).unwrap()[0].action, script::read(Some(ReadSet::default())));
    }

    #[test]
    fn errors_name_the_line() {
        for (text, part) in [
            ("\n{:index 0", "line 2: not EDN"),
            ("{:index 0, :type :ok, :process 0, :f :read}", "line 1: there is no number :time"),
            ("{:time 0, :type :maybe, :process 0, :f :read}", ":type is :maybe"),
            ("{:time 0, :type :ok, :process x, :f :read}", "no number :process"),
            (
                "{:time 0, :type :ok, :process 0, :f :poll}",
                ":f is :poll; expected one of :broadcast",
            ),
            ("{:time 0, :type :ok, :process 0, :f :broadcast, :value nil}", "never broadcast"),
            ("{:time 0, :type :ok, :process 0, :f :read, :value #{3}}", "not what a read returns"),
        ] {
            let error = format!("{:#}", read(text).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}
