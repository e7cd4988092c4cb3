//! One method of an interface: its parameters, its result, and what its marks say.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A method of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    pub(crate) name: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub(crate) doc: Cow<'static, str>,
    #[serde(default)]
    pub(crate) params: Cow<'static, [Param]>,
    #[serde(default = "unit")]
    pub(crate) returns: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "is_false", rename = "async")]
    pub(crate) is_async: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) exclusive: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) cancel: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) idempotent: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) fallible: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) variadic: bool,
    #[serde(default, skip_serializing_if = "Access::is_call")]
    pub(crate) access: Access,
}

/// What stands beside a method's name, parameters and result, as `#[service]` writes it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    pub is_async: bool,
    pub exclusive: bool,
    pub cancel: bool,
    pub idempotent: bool,
    pub fallible: bool,
    pub access: Access,
}

/// A parameter of a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Param {
    pub(crate) name: Cow<'static, str>,
    #[serde(default, rename = "type")]
    pub(crate) ty: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) optional: bool,
}

/// How a method is seen by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Access {
    /// `#[get]`: reads an attribute.
    Get,
    /// `#[set]`: writes one.
    Set,
    /// It is an ordinary method.
    #[default]
    #[serde(other)]
    Call,
}

impl Access {
    fn is_call(&self) -> bool {
        *self == Access::Call
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn unit() -> Cow<'static, str> {
    Cow::Borrowed("()")
}

impl Method {
    /// A method without parameters that takes `&self` and returns `()`.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Method {
        Method {
            name: name.into(),
            doc: Cow::Borrowed(""),
            params: Cow::Borrowed(&[]),
            returns: unit(),
            is_async: true,
            exclusive: false,
            cancel: true,
            idempotent: false,
            fallible: false,
            variadic: false,
            access: Access::Call,
        }
    }

    /// As `#[service]` writes it.
    #[doc(hidden)]
    pub const fn fixed(
        name: &'static str,
        doc: &'static str,
        params: &'static [Param],
        returns: &'static str,
        marks: Marks,
    ) -> Method {
        Method {
            name: Cow::Borrowed(name),
            doc: Cow::Borrowed(doc),
            params: Cow::Borrowed(params),
            returns: Cow::Borrowed(returns),
            is_async: marks.is_async,
            exclusive: marks.exclusive,
            cancel: marks.cancel,
            idempotent: marks.idempotent,
            fallible: marks.fallible,
            variadic: false,
            access: marks.access,
        }
    }

    /// What it does.
    pub fn with_doc(mut self, doc: impl Into<Cow<'static, str>>) -> Method {
        self.doc = doc.into();
        self
    }

    /// One more parameter, with its type as text.
    pub fn with_param(self, name: impl Into<Cow<'static, str>>, ty: impl Into<Cow<'static, str>>) -> Method {
        self.with(Param { name: name.into(), ty: ty.into(), optional: false })
    }

    /// One more parameter, which a caller may leave out if it leaves out all that follow.
    pub fn with_optional(
        self,
        name: impl Into<Cow<'static, str>>,
        ty: impl Into<Cow<'static, str>>,
    ) -> Method {
        self.with(Param { name: name.into(), ty: ty.into(), optional: true })
    }

    fn with(mut self, param: Param) -> Method {
        self.params.to_mut().push(param);
        self
    }

    /// It takes any number of arguments after its parameters.
    pub fn variadic(mut self) -> Method {
        self.variadic = true;
        self
    }

    /// What it returns, as text.
    pub fn returning(mut self, ty: impl Into<Cow<'static, str>>) -> Method {
        self.returns = ty.into();
        self
    }

    /// It returns `Result<ok, error>`: it may fail with an error of its own.
    pub fn returning_or(mut self, ok: &str, error: &str) -> Method {
        self.fallible = true;
        self.returning(format!("Result<{ok}, {error}>"))
    }

    /// It may be made again if the connection was lost: `#[idempotent]`.
    pub fn idempotent(mut self) -> Method {
        self.idempotent = true;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its documentation.
    pub fn doc(&self) -> &str {
        &self.doc
    }

    /// Its parameters, without `self` and `caller`.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// The type it returns, as written.
    pub fn returns(&self) -> &str {
        &self.returns
    }

    /// Whether it is written `async`.
    pub fn is_async(&self) -> bool {
        self.is_async
    }

    /// Takes `&mut self`: runs alone.
    pub fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Is stopped at its next await when its caller cancels.
    pub fn is_cancellable(&self) -> bool {
        self.cancel
    }

    /// May be made again if the connection was lost.
    pub fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// Its result is a value or an error of its own, and travels as either.
    pub fn is_fallible(&self) -> bool {
        self.fallible
    }

    /// Takes any number of arguments after its parameters.
    pub fn is_variadic(&self) -> bool {
        self.variadic
    }

    /// How it is seen by name.
    pub fn access(&self) -> Access {
        self.access
    }

    /// The name of the attribute that it reads or writes.
    pub fn attribute(&self) -> Option<&str> {
        match self.access {
            Access::Call => None,
            Access::Get => Some(&self.name),
            Access::Set => {
                let short = self.name.strip_prefix("set_").filter(|rest| !rest.is_empty());
                Some(short.unwrap_or(&self.name))
            }
        }
    }

    /// The type of that attribute.
    pub(crate) fn attribute_type(&self) -> &str {
        match self.access {
            Access::Set => self.params.first().map_or("", |p| &p.ty),
            _ => value_type(&self.returns),
        }
    }

    /// Characters that it takes, for those who must bound them.
    pub(crate) fn weight(&self) -> usize {
        let params: usize = self.params.iter().map(|p| p.name.len() + p.ty.len() + 32).sum();
        self.name.len() + self.doc.len() + self.returns.len() + params + 96
    }
}

impl Param {
    /// As `#[service]` writes it.
    #[doc(hidden)]
    pub const fn fixed(name: &'static str, ty: &'static str, optional: bool) -> Param {
        Param { name: Cow::Borrowed(name), ty: Cow::Borrowed(ty), optional }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type, as written.
    pub fn ty(&self) -> &str {
        &self.ty
    }

    /// Whether a caller may leave it out: then it is `None`, or its type's default.
    pub fn is_optional(&self) -> bool {
        self.optional
    }
}

/// `T` of `Result<T, E>`; any other type is itself.
fn value_type(returns: &str) -> &str {
    let Some((path, rest)) = returns.split_once('<') else { return returns };
    if path.rsplit("::").next() != Some("Result") {
        return returns;
    }
    let mut depth = 0_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            ',' | '>' if depth == 0 => return rest[..at].trim(),
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    returns
}
