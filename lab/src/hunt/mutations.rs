//! The node's bugs on purpose, as the hunter switches them on.

use rumormill::mutation::Mutation;

use super::phases::Tweak;

/// Switches a bug on; none, if none is named.
#[must_use]
pub fn tweak(mutation: Option<Mutation>) -> Tweak {
    match mutation {
        None => |_| {},
        Some(Mutation::AckWithoutEvidence) => {
            |config| config.mutation = Some(Mutation::AckWithoutEvidence)
        }
        Some(Mutation::DigestClaimsTooMuch) => {
            |config| config.mutation = Some(Mutation::DigestClaimsTooMuch)
        }
        Some(Mutation::RetryNeverSent) => |config| config.mutation = Some(Mutation::RetryNeverSent),
        Some(Mutation::PendingLostAtRestart) => {
            |config| config.mutation = Some(Mutation::PendingLostAtRestart)
        }
        Some(Mutation::DroppedAtBatchLimit) => {
            |config| config.mutation = Some(Mutation::DroppedAtBatchLimit)
        }
    }
}
