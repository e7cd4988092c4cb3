//! The page of a report as a browser shows it, in light and in dark: a real run, and Chromium without a screen.
//!
//! Without Chromium there is nothing to see: the test says so and passes, but not where `CI` is set.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where clippy does not see that")]

#[allow(dead_code, reason = "shared by several tests")]
mod process;

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use process::Process;
use tempfile::TempDir;

/// What each of the two looks like, as the page's style has it.
struct Theme {
    name: &'static str,
    /// Chromium's number for it.
    number: u8,
    ground: Colour,
    card: Colour,
    /// Of the first line of a plot.
    line: Colour,
    /// Of the second one.
    second: Colour,
}

type Colour = [u8; 3];

const THEMES: [Theme; 2] = [
    Theme {
        name: "dark",
        number: 0,
        ground: [0x14, 0x17, 0x1a],
        card: [0x1c, 0x20, 0x24],
        line: [0x6c, 0xae, 0xff],
        second: [0xff, 0x95, 0x60],
    },
    Theme {
        name: "light",
        number: 1,
        ground: [0xf7, 0xf7, 0xf5],
        card: [0xff, 0xff, 0xff],
        line: [0x16, 0x60, 0xb8],
        second: [0xc2, 0x48, 0x0c],
    },
];

/// Appended to a copy of the page, which itself has no script: what its layout comes to, and whether any plot is wider than its place
/// on a narrow screen.
const LOOK: &str = "<script>
const root = document.documentElement;
root.style.width = '340px';
const cut = [...document.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().width > svg.parentElement.clientWidth + 1);
const texts = [...document.querySelectorAll('svg text')].filter(text => text.getBoundingClientRect().width > 0);
root.dataset.seen = [
  matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light',
  document.querySelectorAll('svg').length + ' plots',
  cut.length + ' cut',
  texts.length > 20 ? 'with words' : 'without words',
  document.querySelector('main').getBoundingClientRect().width <= 340 ? 'narrow' : 'wide',
].join(', ');
</script></body>";

/// The browser, if it is there.
fn chromium() -> Option<&'static str> {
    let is_there = |name: &&str| {
        let version =
            Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(is_there)
}

/// Opens a page from a file, with a profile of its own; gives what Chromium says on standard output.
fn open(browser: &str, theme: &Theme, page: &Path, args: &[&str]) -> String {
    let profile = TempDir::new().unwrap();
    let output = Command::new("timeout")
        .args([
            "120",
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
        ])
        .args(["--hide-scrollbars", "--window-size=1240,1400"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--blink-settings=preferredColorScheme={}", theme.number))
        .args(args)
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {output:?}", theme.name);
    String::from_utf8(output.stdout).unwrap()
}

/// The colours of all points of a picture.
fn colours(picture: &Path) -> Vec<Colour> {
    let mut reader = png::Decoder::new(BufReader::new(File::open(picture).unwrap())).read_info().unwrap();
    let mut points = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut points).unwrap();
    let samples = frame.color_type.samples();
    points[..frame.buffer_size()].chunks_exact(samples).map(|point| [point[0], point[1], point[2]]).collect()
}

#[test]
fn a_browser_shows_the_page_in_light_and_in_dark() {
    let Some(browser) = chromium() else {
        assert!(std::env::var_os("CI").is_none(), "there is no Chromium");
        // Not by a macro: that would be heard only if the test failed.
        writeln!(std::io::stderr(), "skipped: no chromium").unwrap();
        return;
    };
    let folder = TempDir::new().unwrap();
    let (page, looked_at) = (folder.path().join("report.html"), folder.path().join("looked-at.html"));
    let mut server = Process::start(&["serve", "--bind", "127.0.0.1:0", "--threads", "1"]);
    server.line_of_output("node id ");
    let address = server.line_of_output("listening on ");
    let run = ["run", &address, "--sweep", "in-flight=1,4,16", "--duration", "200ms", "--warm-up", "20ms"];
    let said = Process::start(&[&run[..], &["--html", page.to_str().unwrap()]].concat()).end();
    assert_eq!(said.code, Some(0), "{said:?}");
    let text = std::fs::read_to_string(&page).unwrap();
    std::fs::write(&looked_at, text.replace("</body>", LOOK)).unwrap();

    for theme in &THEMES {
        let dom = open(browser, theme, &looked_at, &["--dump-dom"]);
        let seen = format!("data-seen=\"{}, 4 plots, 0 cut, with words, narrow\"", theme.name);
        assert!(dom.contains(&seen), "{seen}: {}", &dom[..dom.len().min(400)]);

        let picture = folder.path().join(theme.name).with_extension("png");
        open(browser, theme, &page, &[&format!("--screenshot={}", picture.display())]);
        let colours = colours(&picture);
        assert_eq!(colours.first(), Some(&theme.ground), "{}", theme.name);
        for (what, colour, least) in [
            ("cards", theme.card, 100_000),
            ("the first line", theme.line, 200),
            ("the second", theme.second, 200),
        ] {
            let points = colours.iter().filter(|point| **point == colour).count();
            assert!(points >= least, "{}: {what} have {points} points", theme.name);
        }
    }
}
