//! Text as it may stand in HTML, and rows as an HTML table.

use super::cells::Grid;

/// Text that is text wherever it stands in a page.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
    }
    escaped
}

/// Rows; the first cell of each is its head.
pub(super) fn table(grid: &Grid) -> String {
    let mut text = "<div class=\"wide\" tabindex=\"0\"><table><thead><tr>".to_owned();
    for head in &grid.head {
        text += &format!("<th scope=\"col\">{}</th>", escape(head));
    }
    text += "</tr></thead><tbody>";
    for row in &grid.rows {
        text += "<tr>";
        for (n, cell) in row.iter().enumerate() {
            let cell = escape(cell);
            text +=
                &if n == 0 { format!("<th scope=\"row\">{cell}</th>") } else { format!("<td>{cell}</td>") };
        }
        text += "</tr>";
    }
    text + "</tbody></table></div>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(escape("<b a=\"1\">&'"), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
        let grid = Grid { head: vec!["<h>".to_owned()], rows: vec![vec!["<r>".to_owned(), "&".to_owned()]] };
        let table = table(&grid);
        assert!(table.contains("<th scope=\"col\">&lt;h&gt;</th>"), "{table}");
        assert!(table.contains("<th scope=\"row\">&lt;r&gt;</th><td>&amp;</td>"), "{table}");
    }
}
