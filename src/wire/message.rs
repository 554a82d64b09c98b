//! The messages of the family: enums of typed fields, with their form on the wire.

/// Makes the message of a protocol: an enum, and its form on the wire.
///
/// Each variant has a name on the wire (the field `kind`) and fields, each of a type that is a
/// [`Part`](crate::wire::Part). On the wire: `{"type":"plumtree","v":1,"kind":"ihave","ids":[…]}`.
#[macro_export]
macro_rules! message {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident: $type:literal {
            $(
                $(#[$variant_meta:meta])*
                $variant:ident = $kind:literal {
                    $($(#[$field_meta:meta])* $field:ident: $part:ty),* $(,)?
                }
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        $vis enum $name {
            $($(#[$variant_meta])* $variant { $($(#[$field_meta])* $field: $part),* }),*
        }

        impl $crate::wire::Wire for $name {
            const TYPE: &'static str = $type;
            const VERSION: u64 = 1;

            fn encode(&self, nodes: &$crate::cluster::Nodes, body: &mut Vec<u8>) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        $crate::json::put_field(body, "kind", $kind);
                        $($crate::wire::put_part(body, stringify!($field), $field, nodes);)*
                    })*
                }
                let _ = nodes;
            }

            fn decode(
                fields: &$crate::wire::Fields<'_>,
                nodes: &$crate::cluster::Nodes,
            ) -> Result<Self, String> {
                let _ = nodes;
                match &*fields.get("kind").string("kind")? {
                    $($kind => Ok(Self::$variant {
                        $($field: fields.get(stringify!($field)).part(stringify!($field), nodes)?),*
                    }),)*
                    other => Err(format!(
                        "field `kind`: expected {}, got {other:?}",
                        [$($kind),*].join(", "),
                    )),
                }
            }

            fn values(&self, each: &mut dyn FnMut(&$crate::value::Value)) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        $($crate::wire::Part::values($field, each);)*
                    })*
                }
                let _ = each;
            }
        }
    };
}

#[cfg(test)]
mod tests;
