//! The arguments of a call by name, and how they come into the order of the method's parameters.

use super::Value;
use crate::descriptor::Method;

/// Arguments of a call: in their order, or by their names. [`args!`](crate::args) makes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args(Given);

#[derive(Clone, Debug, PartialEq)]
enum Given {
    InOrder(Vec<Value>),
    ByName(Vec<(String, Value)>),
}

impl Default for Given {
    fn default() -> Given {
        Given::InOrder(Vec::new())
    }
}

/// Makes [`Args`]: `args![4, "seven"]` in their order, `args![a: 4, b: "seven"]` by name.
///
/// ```
/// use duologue_runtime::{Args, Value, args};
///
/// assert_eq!(args![4, "seven"], Args::from(vec![Value::from(4), Value::from("seven")]));
/// assert_eq!(args![b: true], Args::named([("b", true)]));
/// assert_eq!(args![], Args::default());
/// ```
#[macro_export]
macro_rules! args {
    () => { $crate::Args::default() };
    ($($name:ident: $value:expr),+ $(,)?) => {
        $crate::Args::named([$((stringify!($name), $crate::Value::from($value))),+])
    };
    ($($value:expr),+ $(,)?) => { $crate::Args::from([$($crate::Value::from($value)),+]) };
}

impl Args {
    /// Arguments by the names of the parameters, in any order.
    pub fn named<N: AsRef<str>, V: Into<Value>>(arguments: impl IntoIterator<Item = (N, V)>) -> Args {
        let plain = |name: &str| name.strip_prefix("r#").unwrap_or(name).to_owned();
        let each = arguments.into_iter().map(|(name, value)| (plain(name.as_ref()), value.into()));
        Args(Given::ByName(each.collect()))
    }

    /// In the order of the method's parameters, if they fit.
    pub(crate) fn for_method(self, method: &Method) -> Result<Vec<Value>, String> {
        match self.0 {
            Given::InOrder(values) => {
                check(&values, method)?;
                let most = method.params.len();
                if values.len() > most && !method.variadic {
                    let s = if most == 1 { "" } else { "s" };
                    return Err(format!("it takes {most} argument{s}, not {}", values.len()));
                }
                Ok(values)
            }
            Given::ByName(values) => ordered(values, method),
        }
    }
}

/// Whether all arguments are there that must be.
pub(crate) fn check(values: &[Value], method: &Method) -> Result<(), String> {
    let missing = method.params.iter().skip(values.len()).find(|p| !p.optional);
    missing.map_or(Ok(()), |p| Err(format!("argument `{}` is missing", p.name)))
}

fn ordered(mut values: Vec<(String, Value)>, method: &Method) -> Result<Vec<Value>, String> {
    let mut found: Vec<Option<Value>> = Vec::new();
    for param in method.params.iter() {
        let place = values.iter().position(|(name, _)| *name == param.name);
        let value = place.map(|place| values.swap_remove(place).1);
        if value.is_none() && !param.optional {
            return Err(format!("argument `{}` is missing", param.name));
        }
        found.push(value);
    }
    if let Some((name, _)) = values.first() {
        let known = method.params.iter().any(|p| p.name == *name);
        return Err(if known {
            format!("argument `{name}` is given twice")
        } else {
            format!("it has no argument `{name}`")
        });
    }
    // What is left out at the end is not sent; between others it is nil, which an `Option` understands.
    let last = found.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    found.truncate(last);
    Ok(found.into_iter().map(Option::unwrap_or_default).collect())
}

impl From<Vec<Value>> for Args {
    fn from(values: Vec<Value>) -> Args {
        Args(Given::InOrder(values))
    }
}

impl<const N: usize> From<[Value; N]> for Args {
    fn from(values: [Value; N]) -> Args {
        Args(Given::InOrder(values.into()))
    }
}
