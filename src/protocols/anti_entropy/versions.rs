//! Digest `versions`: the entries held as ranges per origin, a version vector with exceptions
//! (Wuu and Bernstein 1984; Malkhi and Terry 2005).
//!
//! Exact in one round; a row per origin while nothing is missing.

use super::{AntiEntropy, Finding, Message, Mode};
use crate::set::Versions;

impl AntiEntropy {
    /// The entries held.
    pub(super) fn versions(&self, by_initiator: bool) -> Message {
        Message::Versions { by_initiator, held: self.store.held().clone() }
    }

    /// Finds the entries that the peer lacks; the responder sends its own versions if entries are pushed.
    pub(super) fn on_versions(&self, by_initiator: bool, theirs: &Versions) -> Finding {
        let lacks = self.store.held().difference(theirs).collect();
        let answers = by_initiator && self.config.mode != Mode::Pull;
        let reply = answers.then(|| self.versions(false));
        Finding { reply, lacks, ..Finding::default() }
    }
}
