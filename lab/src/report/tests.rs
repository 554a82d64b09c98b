mod messages;
mod workloads;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use roxmltree::Document;
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::{Name, Options};
use rumormill_judge::figures::FIGURES;
use rumormill_judge::results::RunInfo;
use rumormill_judge::settings::faults::FaultSettings;
use rumormill_judge::settings::{Nemesis, NodeNemesis, Settings};
use rumormill_judge::trace::{Source, Via};
use rumormill_judge::verdict::{judge, sample};
use rumormill_sim::network::latency::Latency;
use serde_json::Value as Json;

use super::causes::{self, Cause};
use super::data::Shown;
use super::run::Run;
use super::*;
use crate::html::{self, BASE_CSS};
use crate::sim;
use crate::store::Store;

/// Sections that every report has, whatever there is.
const SECTIONS: [&str; 9] = [
    "result",
    "latency",
    "distribution",
    "infection",
    "traffic",
    "operations",
    "cluster",
    "space-time",
    "nodes",
];

/// Attempts that no name should succeed with.
const HOSTILE: [&str; 5] = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"'><b>&amp;\u{2028}\u{2029}",
    "<!--",
    "]]>\u{0}\u{1b}[31m",
];

/// A directory with these files.
fn store(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// The page as XML, its scripts and styles taken out, and the data of the script.
fn take_apart(page: &str) -> (String, Json) {
    let mut rest = page;
    let mut out = String::new();
    for tag in ["style", "script", "script", "script", "script", "script", "script"] {
        let start = rest.find(&format!("<{tag}")).unwrap();
        let inside = start + rest[start..].find('>').unwrap() + 1;
        let end = inside + rest[inside..].find(&format!("</{tag}>")).unwrap();
        out += &rest[..inside];
        if rest[start..inside].contains("application/json") {
            let json = &rest[inside..end];
            assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']));
            out += "DATA";
        }
        rest = &rest[end..];
    }
    out += rest;
    let marker = "id=\"data\">";
    let start = page.find(marker).unwrap() + marker.len();
    let end = start + page[start..].find("</script>").unwrap();
    (out, serde_json::from_str(&page[start..end]).unwrap())
}

/// Checks what holds for every report; answers its text without markup, and the script's data.
fn check(page: &str) -> (String, Json) {
    let (xml, data) = take_apart(page);
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = Document::parse_with_options(&xml, options).unwrap();
    let ids: Vec<&str> = document.descendants().filter_map(|node| node.attribute("id")).collect();
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len(), "{ids:?}");
    for section in SECTIONS {
        assert!(distinct.contains(section), "{section}");
    }
    let allowed = "html head meta title style body a div header nav button main section h1 h2 p span \
                   dl dt dd table caption thead tbody tr th td strong ul li figure figcaption details \
                   summary code svg path polyline polygon circle rect text pre script";
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        assert!(allowed.split_whitespace().any(|tag| tag == name), "{name}");
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{node:?}");
            assert!(!["src", "srcset", "style"].contains(&attribute.name()), "{node:?}");
            if attribute.name() == "href" {
                let target = attribute.value();
                let is_here = target.strip_prefix('#').is_some_and(|id| distinct.contains(id));
                assert!(is_here || target.starts_with("./"), "{target}");
            }
        }
        if name == "svg" {
            let hidden = node.attribute("aria-hidden") == Some("true");
            assert!(hidden || node.attribute("aria-label").is_some(), "{node:?}");
        }
    }
    let texts =
        document.descendants().filter(roxmltree::Node::is_text).filter_map(|node| node.text());
    (texts.collect::<Vec<_>>().join(" "), data)
}

fn simulated(settings: &Settings) -> (tempfile::TempDir, Store) {
    simulated_of(settings, &sim::NodeKind::Rumormill(Config::default()))
}

fn simulated_of(settings: &Settings, kind: &sim::NodeKind) -> (tempfile::TempDir, Store) {
    let base = tempfile::tempdir().unwrap();
    let store = Store::create(base.path(), "broadcast", &jiff::Zoned::now()).unwrap();
    let sink = Some(store.sink().unwrap());
    let mut run = sim::simulate(settings, kind, sink).unwrap();
    run.sink.take().unwrap().finish().unwrap();
    let info = RunInfo { shape: settings.shape(), ..RunInfo::default() };
    let results = judge(settings, &run.outcome, &[], info).unwrap();
    store.write_results(&results).unwrap();
    (base, store)
}

fn settings() -> Settings {
    Settings {
        rate: 40.0,
        time_limit_ms: 5_000,
        latency: Latency { mean_ms: 30, ..Latency::default() },
        nemesis: Some(Nemesis { interval_ms: 1_000 }),
        seed: 5,
        ..Settings::with_nodes(6)
    }
}

#[test]
fn the_report_of_a_run_has_everything_in_one_file() {
    let (_base, store) = simulated(&settings());
    let path = write(store.dir(), Window::default(), &[]).unwrap();
    assert_eq!(path, store.dir().join("report.html"));
    let page = fs::read_to_string(&path).unwrap();
    let (text, data) = check(&page);
    assert!(text.contains("PASSED") && text.contains("All is well"), "{text}");
    assert!(!text.contains("cannot be seen"), "{text}");
    let run = Run::gather(store.dir(), &[]);
    let messages = run.journal.as_ref().unwrap().messages.len();
    assert_eq!(data["messages"]["id"].as_array().unwrap().len(), messages);
    assert_eq!(data["nodes"], 6);
    let partitions = data["partitions"].as_array().unwrap();
    assert!(!partitions.is_empty());
    // Each partition says which nodes are together, unless it makes no groups.
    let groups = data["groups"].as_array().unwrap();
    assert_eq!(groups.len(), partitions.len());
    let sizes: Vec<usize> = groups.iter().map(|of| of.as_array().unwrap().len()).collect();
    assert!(sizes.contains(&6) && sizes.iter().all(|size| [0, 6].contains(size)), "{sizes:?}");
    assert!(text.contains("Partitions and their groups") && text.contains(" | "), "{text}");
    // The report finds in the messages what the simulator saw inside of the nodes.
    let results = run.results.as_ref().unwrap();
    let exact = results.rumormill.convergence.best().unwrap().since_ack.unwrap();
    let points = run.latencies();
    let longest = points.iter().map(|point| point.took_ms.unwrap()).fold(0.0, f64::max);
    assert!((longest - exact.max.unwrap()).abs() < 0.01, "{longest} {exact:?}");
    assert_eq!(points.len() as u64, results.rumormill.missing.acknowledged_count);
    assert_eq!(run.operations.as_ref().unwrap().len() as u64, results.rumormill.operation_count);
}

/// A figure of the page.
fn chart<'p>(page: &'p str, id: &str) -> &'p str {
    let start = page.find(&format!(" id=\"{id}\"")).unwrap();
    &page[start..start + page[start..].find("</figure>").unwrap()]
}

#[test]
fn the_first_screen_says_what_ran_and_why_it_failed_and_all_figures_are_below() {
    let limits = vec!["msgs-per-op<1".to_owned()];
    let (_base, store) = simulated(&Settings { limits, ..settings() });
    let page = fs::read_to_string(write(store.dir(), Window::default(), &[]).unwrap()).unwrap();
    let (text, _) = check(&page);
    let first = &page[page.find("id=\"result\"").unwrap()..page.find("id=\"charts\"").unwrap()];
    assert!(first.contains("partitions every 1 s</dd>"), "the faults");
    assert!(first.contains("Not kept: <strong>msgs-per-op"), "why it failed");
    assert!(first.contains("limit: msgs-per-op"), "the limit at its figure");
    assert!(first.contains(">Latency of each value<"), "a picture");
    assert!(!first.contains("results.json"), "files and commands are below");
    let results = Run::gather(store.dir(), &[]).results.unwrap();
    let table = &page[page.find("id=\"figures\"").unwrap()..];
    for figure in FIGURES.iter().filter(|figure| figure.read(&results).is_some()) {
        assert!(table.contains(&html::text(figure.label)), "{}", figure.name);
    }
    let screen = crate::screen::render(&results, crate::screen::Style::PLAIN);
    assert!(text.contains(&screen), "the screen");
}

#[test]
fn times_in_which_nodes_are_down_or_paused_are_shaded() {
    let nemesis = NodeNemesis { kill: true, pause: true, interval_ms: 800 };
    let durable = FaultSettings { durable: true, ..FaultSettings::default() };
    let settings =
        Settings { nemesis: None, node_nemesis: Some(nemesis), faults: durable, ..settings() };
    let (_base, store) = simulated(&settings);
    let page = fs::read_to_string(write(store.dir(), Window::default(), &[]).unwrap()).unwrap();
    let (_, data) = check(&page);
    for id in ["latency", "operations", "traffic"] {
        let chart = chart(&page, id);
        assert!(chart.contains("a node is down or paused"), "{id}");
        let titles: Vec<&str> = chart.split("<title>").skip(1).collect();
        assert!(
            titles.iter().any(|title| title.contains(" down") && title.contains(" s<")),
            "{id}"
        );
        assert!(titles.iter().any(|title| title.contains(" paused")), "{id}");
    }
    let results = Run::gather(store.dir(), &[]).results.unwrap();
    let outages = results.rumormill.outages;
    assert_eq!(data["outages"].as_array().unwrap().len(), outages.len());
    // The nemesis starts and resumes all before the final reads.
    assert!(
        outages.iter().all(|o| o.until_ms.is_some_and(|until| until >= o.from_ms)),
        "{outages:?}"
    );
}

#[test]
fn what_went_wrong_is_drawn_where_it_went_wrong() {
    let limits =
        ["convergence-max<100ms", "convergence-p99<1000s", "msgs-per-op<1", "read-latency-p99<1s"];
    let limits = limits.map(str::to_owned).to_vec();
    let settings = Settings { limits, ..settings() };
    let kind = sim::NodeKind::of(Options::of(Name::Flood)).unwrap();
    let (_base, store) = simulated_of(&settings, &kind);
    let page = fs::read_to_string(write(store.dir(), Window::default(), &[]).unwrap()).unwrap();
    let (text, _) = check(&page);
    // A grid of six nodes has seven links: thin lines below the traffic.
    assert!(page.contains("6 nodes in a grid"), "the topology");
    let cut =
        page.lines().any(|line| line.contains(" cut off, ") && !line.contains(" 0 cut off, "));
    assert!(cut, "links that a partition cut");
    assert!(text.contains("Missing values by node") && page.contains(" is missing</title>"));
    for id in ["latency", "distribution", "infection"] {
        let is_drawn = chart(&page, id).contains(">convergence-max &lt; 100 ms</text>");
        assert!(is_drawn, "the limit in the chart {id}");
    }
    for (id, figure) in [("operations", "read-latency"), ("infection", "convergence")] {
        let beyond = format!("Beyond the picture: the limit {figure}-p99 &lt; ");
        assert!(chart(&page, id).contains(&beyond), "{id}");
    }
    let whys = ["the only copy for n", " copies for n", "no message to n"];
    assert!(whys.iter().any(|why| text.contains(why)), "why the slowest values are slow");
    // Nothing is missing, and there is no strip.
    let (_base, store) = simulated(&settings);
    let page = fs::read_to_string(write(store.dir(), Window::default(), &[]).unwrap()).unwrap();
    assert!(!page.contains("Missing values by node"));
}

#[test]
fn scripts_are_plain_text_of_their_element() {
    let (_base, store) = simulated(&Settings { nemesis: None, time_limit_ms: 500, ..settings() });
    let page = render(store.dir(), Window::default(), &[]).unwrap();
    // One opening and one closing tag each: nothing inside looks like another.
    assert_eq!(page.matches("<script").count(), 6);
    assert_eq!(page.matches("</script").count(), 6);
    assert!(!page.contains("<!--"));
    let urls: Vec<_> = page.match_indices("http").map(|(at, _)| &page[at..at + 26]).collect();
    assert!(
        urls.iter()
            .all(|url| url.starts_with("http://www.w3.org/2000/svg")
                || url.starts_with("http-equiv")),
        "{urls:?}"
    );
    assert!(!BASE_CSS.contains("url(") && !BASE_CSS.contains("@import"));
}

/// Every name, value, type, error and setting is one of [`HOSTILE`].
#[test]
fn hostile_names_stay_text() {
    let quoted: Vec<String> = HOSTILE.map(|text| serde_json::to_string(text).unwrap()).into();
    let nodes = quoted.join(",");
    let [a, b, c, ..] = &quoted[..] else { unreachable!() };
    let mut text = format!(
        "{{\"t\":1,\"e\":\"send\",\"id\":0,\"src\":\"c0\",\"dest\":{a},\"body\":{{\"type\":\"init\",\
         \"node_id\":{a},\"node_ids\":[{nodes}],\"msg_id\":1}}}}\n{{\"t\":2,\"e\":\"zero\"}}\n"
    );
    for (id, value) in (1..).zip(&quoted) {
        for (id, src, dest, kind) in [
            (10 * id, "\"c1\"", a, "\"broadcast\""),
            (10 * id + 1, a.as_str(), b, "\"broadcast\""),
            (10 * id + 2, b, c, value),
        ] {
            let t = 1_000_000 * id;
            text += &format!(
                "{{\"t\":{t},\"e\":\"send\",\"id\":{id},\"src\":{src},\"dest\":{dest},\"body\":\
                 {{\"type\":{kind},\"message\":{value},\"msg_id\":{id}}}}}\n"
            );
            text += &if id % 10 == 2 {
                format!(
                    "{{\"t\":{t},\"e\":\"drop\",\"id\":{id},\"src\":{src},\"dest\":{dest},\"cause\":{value}}}\n"
                )
            } else {
                format!("{{\"t\":{t},\"e\":\"recv\",\"id\":{id},\"src\":{src},\"dest\":{dest}}}\n")
            };
        }
    }
    let mut results = sample::results();
    let evil = HOSTILE.concat();
    results.rumormill.run.command.clone_from(&evil);
    results.rumormill.run.node.clone_from(&evil);
    results.rumormill.run.shape.clone_from(&evil);
    results.rumormill.run.started.clone_from(&evil);
    results.rumormill.notices.push(evil.clone());
    results.rumormill.missing.nodes[1].node.clone_from(&evil);
    results.rumormill.missing.nodes[1].missing_count = Some(2);
    results.rumormill.limits[0].limit.clone_from(&evil);
    results.rumormill.limits[0].found.clone_from(&evil);
    results.rumormill.traffic.dropped.insert(evil.clone(), 3);
    let history = "{:index 0, :time 5, :type :invoke, :process 0, :f :read, :value nil}\n\
                   {:index 1, :time 9, :type :fail, :process 0, :f :read, :value nil, \
                   :error [:unknown \"</script><img src=x onerror=alert(1)>\"]}\n";
    let dir = store(&[
        ("messages.jsonl", &text),
        ("history.edn", history),
        ("results.json", &results.to_json().unwrap()),
        ("<img src=x>&\".txt", ""),
    ]);
    let page = render(dir.path(), Window::default(), &[]).unwrap();
    let (shown, data) = check(&page);
    for name in HOSTILE {
        let visible: String = name.replace(['\u{0}', '\u{1b}'], "\u{fffd}");
        assert!(shown.contains(&visible), "{name}");
        assert!(data["names"].as_array().unwrap().contains(&Json::from(name)));
        assert!(data["kinds"].as_array().unwrap().contains(&Json::from(name)));
    }
    assert!(shown.contains("unknown: </script><img"), "{shown}");
}

#[test]
fn what_is_absent_is_said() {
    let (_base, full) = simulated(&Settings { time_limit_ms: 1_000, ..settings() });
    let read = |name: &str| fs::read_to_string(full.dir().join(name)).unwrap();
    let (journal, history, results) =
        (read("messages.jsonl"), read("history.edn"), read("results.json"));
    // Killed while it wrote.
    let cut = |text: &str| text[..text.len() - 30].to_owned();

    let dir = store(&[("messages.jsonl", &cut(&journal)), ("history.edn", &cut(&history))]);
    let (text, data) = check(&render(dir.path(), Window::default(), &[]).unwrap());
    assert!(text.contains("NO RESULT") && text.contains("there is no results.json"), "{text}");
    assert!(data["messages"]["id"].as_array().unwrap().len() > 20);

    let dir = store(&[("results.json", &results)]);
    let (text, data) = check(&render(dir.path(), Window::default(), &[]).unwrap());
    assert!(text.contains("PASSED") && text.contains("there is no messages.jsonl"), "{text}");
    assert!(text.contains("There are no messages to draw"), "{text}");
    assert_eq!(data["messages"], Json::Null);

    let dir = store(&[("history.edn", &history)]);
    let (text, _) = check(&render(dir.path(), Window::default(), &[]).unwrap());
    assert!(text.contains("Maelstrom's stable latency, seen in the reads"), "{text}");

    let damaged =
        [("results.json", "{"), ("messages.jsonl", "x\n"), ("history.edn", ")\n{:index 0}\n")];
    let dir = store(&damaged);
    let error = render(dir.path(), Window::default(), &[]).unwrap_err().to_string();
    assert!(error.contains("is no run"), "{error}");
    let dir = store(&[damaged[0], ("history.edn", &history)]);
    let (text, _) = check(&render(dir.path(), Window::default(), &[]).unwrap());
    assert!(text.contains("results.json is damaged"), "{text}");
    assert!(write(Path::new("/nonexistent"), Window::default(), &[]).is_err());
}

#[test]
fn an_empty_run_has_a_report() {
    let init = journal(&[]);
    let dir = store(&[("messages.jsonl", &init), ("history.edn", "")]);
    let (text, _) = check(&render(dir.path(), Window::default(), &[]).unwrap());
    assert!(text.contains("Nodes sent each other nothing"), "{text}");
    assert!(text.contains("No operation of a client is known"), "{text}");
}

/// Messages of three nodes; each is given with sender, addressee, time of sending and of arrival
/// (never, if 0) in ms, and the body.
fn journal(messages: &[(&str, &str, u64, u64, &str)]) -> String {
    let mut text = String::from(
        "{\"t\":0,\"e\":\"send\",\"id\":0,\"src\":\"c0\",\"dest\":\"n0\",\"body\":{\"type\":\"init\",\
         \"node_id\":\"n0\",\"node_ids\":[\"n0\",\"n1\",\"n2\"],\"msg_id\":1}}\n\
         {\"t\":0,\"e\":\"zero\"}\n",
    );
    let mut events: Vec<(u64, String)> = Vec::new();
    for (id, (src, dest, sent, at, body)) in (1..).zip(messages) {
        let ends = format!("\"id\":{id},\"src\":\"{src}\",\"dest\":\"{dest}\"");
        events.push((*sent, format!("\"e\":\"send\",{ends},\"body\":{body}")));
        if *at > 0 {
            events.push((*at, format!("\"e\":\"recv\",{ends}")));
        }
    }
    events.sort_by_key(|(ms, _)| *ms);
    for (ms, event) in events {
        text += &format!("{{\"t\":{},{event}}}\n", ms * 1_000_000);
    }
    text
}
