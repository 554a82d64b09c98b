//! Figures of a comparison as text, CSV and JSON.

use rumormill_judge::format::table::markdown;
use serde_json::{Value, json};

use super::asynchronous::SHARES;
use super::chart::mark;
use super::rumour::Mean;
use super::subject::Found;

/// A label and its figure.
type Row = (&'static str, fn(&Found) -> Mean);

/// The table below the chart.
#[must_use]
pub fn table(found: &[Found]) -> String {
    let mut text = String::new();
    for (place, one) in found.iter().enumerate() {
        let complete = format!("{} of {} runs reached all", one.complete, one.residue.count);
        text += &format!("{}  {}\n   {}; {complete}\n", mark(place), one.words, one.time);
    }
    text += "\n                                  ";
    for place in 0..found.len() {
        text += &format!("{:>20}", mark(place));
    }
    text.push('\n');
    let rows: [Row; 7] = [
        ("residue s (share never reached)", |one| one.residue),
        ("traffic m (copies per node)", |one| one.traffic),
        ("redundancy (needless copies/node)", |one| one.redundancy),
        ("messages per node, of any kind", |one| one.messages),
        ("mean arrival (cycles)", |one| one.mean_arrival),
        ("last arrival (cycles)", |one| one.last),
        ("end of the run (cycles)", |one| one.cycles),
    ];
    for (label, figure) in rows {
        text += &format!("{label:<34}");
        for one in found {
            let Mean { mean, deviation, .. } = figure(one);
            text += &format!("{:>20}", format!("{} ± {}", show(mean), show(deviation)));
        }
        text.push('\n');
    }
    if found.iter().any(|one| one.clock.is_some()) {
        for (goal, share) in SHARES.iter().enumerate() {
            text += &format!("{:<34}", format!("{:.0} % of the nodes after (ms)", share * 100.0));
            for one in found {
                text += &format!(
                    "{:>20}",
                    one.clock.map_or_else(String::new, |(_, times)| when(times[goal]))
                );
            }
            text.push('\n');
        }
    }
    text += "(mean ± standard deviation of one run)\n";
    text
}

/// A time that some runs may never have reached.
fn when(time: Mean) -> String {
    match time.count {
        0 => "never".to_owned(),
        1 => show(time.mean),
        _ => format!("{} ± {}", show(time.mean), show(time.deviation)),
    }
}

/// A table of sizes.
#[must_use]
pub fn sizes(found: &[Found]) -> String {
    let mut text =
        "     nodes  runs  residue s  traffic m  last arrival  end  s per run  peak MiB\n"
            .to_owned();
    for one in found {
        let [residue, traffic, last, end, seconds] = size_figures(one);
        let (nodes, runs, peak, words) =
            (one.nodes, one.residue.count, peak(one).unwrap_or_default(), &one.words);
        text += &format!(
            "{nodes:>10} {runs:>5} {residue:>10} {traffic:>10} {last:>13} {end:>4} {seconds:>10} \
             {peak:>9}  {words}\n"
        );
    }
    text += "(s per run: processor time; peak: most memory of this process so far)\n";
    text
}

/// The table of sizes in Markdown.
#[must_use]
pub fn sizes_markdown(found: &[Found]) -> String {
    let head = [
        "protocol",
        "nodes",
        "residue s",
        "traffic m",
        "last arrival, cycles",
        "silence, cycles",
        "processor time per run, s",
        "peak memory, MiB",
    ];
    let row = |one: &Found| {
        let name = [format!("`{}`", one.words), one.nodes.to_string()];
        let peak = peak(one).unwrap_or_else(|| "–".to_owned());
        name.into_iter().chain(size_figures(one)).chain([peak]).collect()
    };
    markdown(head.map(str::to_owned).to_vec(), found.iter().map(row))
}

/// Residue, traffic, last arrival and end in cycles, and processor time per run.
fn size_figures(one: &Found) -> [String; 5] {
    let seconds = one.took.as_secs_f64() / one.residue.count.max(1) as f64;
    [one.residue.mean, one.traffic.mean, one.last.mean, one.cycles.mean, seconds].map(show)
}

fn peak(one: &Found) -> Option<String> {
    one.peak_mib.map(|mib| format!("{mib:.0}"))
}

/// One row per protocol and step.
#[must_use]
pub fn csv(found: &[Found]) -> String {
    let mut text = "protocol,nodes,cycle,known,model\n".to_owned();
    for one in found {
        for (step, known) in one.curve.iter().enumerate() {
            let cycle = step as f64 * one.step;
            let model = match cycle.fract() {
                0.0 => one.model.get(cycle as usize).map(f64::to_string).unwrap_or_default(),
                _ => String::new(),
            };
            let words = one.words.replace('"', "\"\"");
            text += &format!("\"{words}\",{},{cycle},{known},{model}\n", one.nodes);
        }
    }
    text
}

/// All figures.
#[must_use]
pub fn json(found: &[Found], seed: u64, loss: f64) -> String {
    let figure = |mean: Mean| json!({ "mean": mean.mean, "deviation": mean.deviation });
    let one = |one: &Found| {
        json!({
            "protocol": one.words,
            "nodes": one.nodes,
            "time": one.time,
            "runs": one.residue.count,
            "complete_runs": one.complete,
            "residue": figure(one.residue),
            "copies_per_node": figure(one.traffic),
            "redundancy": figure(one.redundancy),
            "reached_after_ms": one.clock.map(|(_, times)| times.map(|time| {
                (time.count > 0).then_some(time.mean)
            })),
            "messages_per_node": figure(one.messages),
            "mean_arrival_cycles": figure(one.mean_arrival),
            "last_arrival_cycles": figure(one.last),
            "end_cycles": figure(one.cycles),
            "step_cycles": one.step,
            "known": one.curve,
            "model": one.model,
        })
    };
    let all: Vec<Value> = found.iter().map(one).collect();
    format!("{:#}\n", json!({ "seed": seed, "loss": loss, "protocols": all }))
}

fn show(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        small if small < 1e-3 => format!("{number:.1e}"),
        small if small < 10.0 => format!("{number:.3}"),
        _ => format!("{number:.1}"),
    }
}
