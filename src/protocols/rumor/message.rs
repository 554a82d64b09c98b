//! The messages of rumour mongering.

use crate::few::Few;
use crate::id::EntryId;
use crate::protocol::Entry;
use crate::set::Versions;

crate::message! {
    /// The message. A verdict on an entry is 0 if it was new, else 1 + the counter of the sender.
    pub enum Message: "rumor" {
        /// Asks for a connection (with a connection limit only).
        Connect = "connect" {},
        /// Grants it.
        Accept = "accept" {},
        /// Refuses it.
        Refuse = "refuse" {},
        /// Pushes the sender's hot entries.
        Contact = "contact" {
            /// The hot entries, ascending by name.
            rumors: Few<Entry>,
            /// With minimisation, the sender's counter of each.
            counts: Vec<u64>,
            /// True to ask for the receiver's.
            pulls: bool,
        },
        /// The answer to a contact.
        Answer = "answer" {
            /// The receiver's hot entries.
            rumors: Few<Entry>,
            /// Feedback on those pushed.
            verdicts: Few<(EntryId, u64)>,
        },
        /// Feedback on an answer.
        Feedback = "feedback" {
            /// Feedback on the entries pulled.
            verdicts: Few<(EntryId, u64)>,
        },
        /// Anti-entropy: the names of all entries held.
        Compare = "compare" {
            /// The names.
            held: Versions,
        },
        /// Anti-entropy: the entries that the receiver lacks.
        Repair = "repair" {
            /// The entries.
            rumors: Few<Entry>,
            /// The names of all entries held, unless the receiver has them.
            held: Option<Versions>,
        },
    }
}
