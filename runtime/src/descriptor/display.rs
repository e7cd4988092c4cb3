//! A descriptor printed like the trait it comes from. What came from a peer cannot do more than be read: control
//! characters, and those that turn the direction of text, are shown as escapes.

use std::fmt::{self, Display, Formatter, Write};

use super::{Access, Descriptor, Method, Param};

impl Display for Descriptor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        docs(f, "", &self.doc)?;
        let mut keys = Vec::new();
        if !self.aliases.is_empty() {
            let names: Vec<String> = self.aliases.iter().map(|a| format!("{a:?}")).collect();
            keys.push(format!("aliases = [{}]", names.join(", ")));
        }
        if self.version != 1 {
            keys.push(format!("version = {}", self.version));
        }
        if !keys.is_empty() {
            writeln!(f, "#[service({})]", keys.join(", "))?;
        }
        if self.methods.is_empty() {
            return writeln!(f, "trait {} {{}}", Plain(&self.name));
        }
        writeln!(f, "trait {} {{", Plain(&self.name))?;
        for (n, method) in self.methods.iter().enumerate() {
            if n > 0 {
                f.write_char('\n')?;
            }
            write!(f, "{method}")?;
        }
        f.write_str("}\n")
    }
}

/// Its lines in the trait, indented by four.
impl Display for Method {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const INDENT: &str = "    ";
        docs(f, INDENT, &self.doc)?;
        let marks = [
            (self.access == Access::Get, "get"),
            (self.access == Access::Set, "set"),
            (self.idempotent, "idempotent"),
            (self.exclusive && self.cancel, "cancel"),
            (!self.exclusive && !self.cancel, "no_cancel"),
        ];
        for (_, mark) in marks.iter().filter(|(is, _)| *is) {
            writeln!(f, "{INDENT}#[{mark}]")?;
        }
        let word = if self.is_async { "async " } else { "" };
        let receiver = if self.exclusive { "&mut self" } else { "&self" };
        write!(f, "{INDENT}{word}fn {}({receiver}", Plain(&self.name))?;
        for param in self.params.iter() {
            write!(f, ", {param}")?;
        }
        f.write_str(if self.variadic { ", ..)" } else { ")" })?;
        if self.returns != "()" {
            write!(f, " -> {}", Plain(&self.returns))?;
        }
        f.write_str(";\n")
    }
}

impl Display for Param {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.optional && !self.ty.starts_with("Option<") {
            f.write_str("#[serde(default)] ")?;
        }
        write!(f, "{}: {}", Plain(&self.name), Plain(&self.ty))
    }
}

fn docs(f: &mut Formatter<'_>, indent: &str, text: &str) -> fmt::Result {
    for line in text.lines() {
        let gap = if line.is_empty() { "" } else { " " };
        writeln!(f, "{indent}///{gap}{}", Plain(line))?;
    }
    Ok(())
}

/// Text that does nothing to a terminal.
struct Plain<'a>(&'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            let turns =
                matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || turns {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}
