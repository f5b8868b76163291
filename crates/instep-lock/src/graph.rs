//! The layers as a picture: Mermaid or DOT.

use std::fmt::Write as _;

use crate::observe::{Link, Observed};

/// A language of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphFormat {
    /// [Mermaid](https://mermaid.js.org/syntax/flowchart.html), which Markdown pages show.
    Mermaid,
    /// [DOT](https://graphviz.org/doc/info/lang.html), which Graphviz draws.
    Dot,
}

impl Observed {
    /// The layers; an arrow leads from each to those that it builds on, dotted where it is only held to
    /// their versions.
    pub fn graph(&self, format: GraphFormat) -> String {
        let place = |name: &str| self.layers.iter().position(|known| known.layer.name == name);
        let mut text = match format {
            GraphFormat::Mermaid => "graph TD\n".to_owned(),
            GraphFormat::Dot => "digraph layers {\n".to_owned(),
        };
        // A String takes everything.
        for (number, known) in self.layers.iter().enumerate() {
            let name = &known.layer.name;
            let _ = match format {
                GraphFormat::Mermaid => writeln!(text, "    {number}[\"{name}\"]"),
                GraphFormat::Dot => writeln!(text, "    {number} [label=\"{name}\"];"),
            };
        }
        for (number, known) in self.layers.iter().enumerate() {
            for (base, link) in &known.base {
                let Some(base) = place(base) else { continue };
                let _ = match (format, link) {
                    (GraphFormat::Mermaid, Link::Includes) => {
                        writeln!(text, "    {number} --> {base}")
                    }
                    (GraphFormat::Mermaid, Link::Constrains) => {
                        writeln!(text, "    {number} -.-> {base}")
                    }
                    (GraphFormat::Dot, Link::Includes) => writeln!(text, "    {number} -> {base};"),
                    (GraphFormat::Dot, Link::Constrains) => {
                        writeln!(text, "    {number} -> {base} [style=dotted];")
                    }
                };
            }
        }
        if format == GraphFormat::Dot {
            text.push_str("}\n");
        }
        text
    }
}
