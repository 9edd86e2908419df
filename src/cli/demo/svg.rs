//! What the demo showed, as a picture for the README.

use super::paint::{Span, Style};

const LINE: usize = 19;
const MARGIN: usize = 18;
/// Of one character at 13 px; the lines are stretched to it, so that every monospace font fits.
const COLUMN: f64 = 7.8;

/// An SVG of the lines, dark, with no font or file of its own.
pub fn picture(lines: &[Vec<Span>]) -> String {
    let columns = |line: &Vec<Span>| line.iter().map(|span| span.text.chars().count()).sum::<usize>();
    let widest = lines.iter().map(columns).max().unwrap_or(0);
    let width = (widest as f64 * COLUMN).ceil() as usize + 2 * MARGIN;
    let height = lines.len() * LINE + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#15191f\"/>\n"
    );
    for (index, line) in lines.iter().enumerate() {
        let y = MARGIN + index * LINE + 13;
        let mut column = 0;
        for Span { style, text } in line {
            let count = text.chars().count();
            let x = MARGIN as f64 + column as f64 * COLUMN;
            let length = count as f64 * COLUMN;
            column += count;
            if text.trim().is_empty() {
                continue;
            }
            svg += &format!(
                "<text xml:space=\"preserve\" x=\"{x:.1}\" y=\"{y}\" textLength=\"{length:.1}\" {}>{}</text>\n",
                look(*style),
                escaped(text)
            );
        }
    }
    svg + "</svg>\n"
}

fn look(style: Style) -> &'static str {
    match style {
        Style::Plain => "fill=\"#dfe4ea\"",
        Style::Title => "fill=\"#ffffff\" font-weight=\"bold\"",
        Style::Dim => "fill=\"#7d8894\"",
        Style::Ghost => "fill=\"#7d8894\" font-style=\"italic\"",
        Style::Taken | Style::Added => "fill=\"#7fd18b\"",
        Style::Removed => "fill=\"#e08a8a\"",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_code_stays_text() {
        let svg = picture(&[vec![Span::new(Style::Taken, "Vec<u8> && x".into())]]);
        assert!(
            svg.contains("textLength=\"93.6\" fill=\"#7fd18b\">Vec&lt;u8&gt; &amp;&amp; x</text>"),
            "{svg}"
        );
    }
}
