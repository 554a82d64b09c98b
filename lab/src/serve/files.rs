//! The files that may be looked at: those in the store, and nothing else.

use std::path::{Path, PathBuf};

use crate::report::{FILE, FILE_BETWEEN};

/// Where a path that a browser asked for leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To a file or directory in the store.
    Inside(PathBuf),
    /// Out of the store.
    Outside,
    /// To nothing.
    Nowhere,
}

/// Follows the parts of a path from `root`, which must be canonical. Links are followed if they
/// stay in the store.
pub(super) fn resolve(root: &Path, parts: &[String]) -> Place {
    let mut path = root.to_owned();
    for part in parts {
        // Anything but a plain name would be a way out, here or on another system.
        if part == "." || part == ".." || part.contains(['/', '\\', '\0']) {
            return Place::Outside;
        }
        if !part.is_empty() {
            path.push(part);
        }
    }
    match path.canonicalize() {
        Ok(path) if path.starts_with(root) => Place::Inside(path),
        Ok(_) => Place::Outside,
        Err(_) => Place::Nowhere,
    }
}

/// A path as it is below the store, with slashes.
pub(super) fn below(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// How a file is shown: its content type, and what a browser may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// For the browser.
    pub content_type: &'static str,
    /// Its content security policy.
    pub policy: &'static str,
}

/// Only what the page itself has in it, and no script.
pub(super) const STATIC: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// The report has scripts and styles in it. It may load and send nothing, and its sandbox gives it
/// an origin of its own and no windows: a hostile one reads no other run.
const REPORT: &str = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
     img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Text that a browser shows and does not interpret.
const TEXT: &str = "text/plain; charset=utf-8";

/// How a file of this name is shown. What is not known is handed over to be kept.
pub(super) fn kind(path: &Path) -> Kind {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let extension = path.extension().and_then(|extension| extension.to_str());
    let policy = if [FILE, FILE_BETWEEN].contains(&name) { REPORT } else { STATIC };
    let content_type = match extension {
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("css") => "text/css; charset=utf-8",
        Some("log" | "txt" | "edn" | "jsonl" | "record" | "toml" | "md") | None => TEXT,
        Some(_) => "application/octet-stream",
    };
    Kind { content_type, policy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn parts(path: &str) -> Vec<String> {
        path.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn what_is_outside_the_store_is_not_reached() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let root = base.join("store");
        fs::create_dir_all(root.join("broadcast/run")).unwrap();
        fs::create_dir(base.join("store-of-another")).unwrap();
        fs::write(root.join("broadcast/run/results.json"), "{}").unwrap();
        fs::write(base.join("secret"), "s").unwrap();
        let file = root.join("broadcast/run/results.json");
        assert_eq!(resolve(&root, &parts("broadcast/run/results.json")), Place::Inside(file));
        assert_eq!(resolve(&root, &parts("")), Place::Inside(root.clone()));
        assert_eq!(resolve(&root, &parts("broadcast//run/")), {
            Place::Inside(root.join("broadcast/run"))
        });
        assert_eq!(resolve(&root, &parts("broadcast/none")), Place::Nowhere);
        for way_out in [
            "..",
            "../secret",
            "broadcast/../../secret",
            "broadcast/run/../../../secret",
            "../store-of-another",
            ".",
        ] {
            assert_eq!(resolve(&root, &parts(way_out)), Place::Outside, "{way_out}");
        }
        // As they come out of `%2e%2e%2fsecret` and the like.
        for name in ["../secret", "..\\secret", "/etc/passwd", "a\0b"] {
            assert_eq!(resolve(&root, &[name.to_owned()]), Place::Outside, "{name:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_within_the_store_only() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let root = base.join("store");
        fs::create_dir_all(root.join("run")).unwrap();
        fs::write(base.join("secret"), "s").unwrap();
        symlink("run", root.join("latest")).unwrap();
        symlink("../secret", root.join("leak")).unwrap();
        symlink(&base, root.join("up")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        assert_eq!(resolve(&root, &parts("latest")), Place::Inside(root.join("run")));
        assert_eq!(resolve(&root, &parts("leak")), Place::Outside);
        assert_eq!(resolve(&root, &parts("up/secret")), Place::Outside);
        assert_eq!(resolve(&root, &parts("up/store/run")), Place::Inside(root.join("run")));
        assert_eq!(resolve(&root, &parts("loop")), Place::Nowhere);
    }

    #[test]
    fn only_the_report_has_scripts() {
        assert_eq!(kind(Path::new("node-logs/n1.log")).content_type, TEXT);
        assert_eq!(kind(Path::new("x/test.jepsen")).content_type, "application/octet-stream");
        assert!(kind(Path::new("report.html")).policy.contains("script-src"));
        let report = kind(Path::new("report.html")).policy;
        assert!(report.starts_with("sandbox allow-scripts;") && !report.contains("same-origin"));
        for name in ["timeline.html", "evil.svg", "results.json", "report.htm"] {
            assert!(!kind(Path::new(name)).policy.contains("script-src"), "{name}");
        }
    }
}
