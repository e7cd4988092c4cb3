//! Scenes that are good, and what is said of those that are not.

use std::path::Path;

use super::*;

const GOOD: &str = r#"kind = "mandelbrot"
center = [-0.5, 0]
scale = 3
size = [320, 200]
iterations = 100
palette = "ember"
"#;

/// The message about `GOOD` with the line of this field replaced (or put at the end, if it has none).
fn complaint(line: &str) -> String {
    let field = line.split([' ', '=']).next().unwrap();
    let starts = |l: &str| l.split(' ').next() == Some(field);
    let mut text: String =
        GOOD.lines().map(|l| if starts(l) { format!("{line}\n") } else { format!("{l}\n") }).collect();
    if !GOOD.lines().any(starts) {
        text += line;
    }
    message_of(&text)
}

fn message_of(text: &str) -> String {
    file::parse("s.toml", text).unwrap_err().to_string()
}

/// Only the first line: place and message.
fn head_of(line: &str) -> String {
    complaint(line).lines().next().unwrap().to_owned()
}

#[test]
fn a_good_file_gives_its_values_and_the_defaults() {
    let scene = file::parse("s.toml", GOOD).unwrap();
    let expected = Scene {
        kind: Kind::Mandelbrot,
        center: [-0.5, 0.0],
        scale: 3.0,
        size: [320, 200],
        iterations: 100,
        palette: Palette::named("ember").unwrap(),
        cycle: 64.0,
        inside: Rgb::BLACK,
        samples: 1,
    };
    assert_eq!(scene, expected);
}

#[test]
fn every_field_is_read() {
    let text = GOOD
        .replace("\"mandelbrot\"", "\"julia\"\nc = [-0.8, 0.156]")
        .replace("\"ember\"", "[\"#000000\", \"#FF8000\"]")
        + "cycle = 7.5\ninside = \"#010203\"\nsamples = 4\n";
    let scene = file::parse("s.toml", &text).unwrap();
    assert_eq!(scene.kind, Kind::Julia { c: [-0.8, 0.156] });
    assert_eq!(scene.palette, Palette::new(vec![Rgb::BLACK, Rgb([255, 128, 0])]));
    assert_eq!((scene.cycle, scene.inside, scene.samples), (7.5, Rgb([1, 2, 3]), 4));
    let power = |text: &str| file::parse("s.toml", text).unwrap().kind;
    let multibrot = GOOD.replace("mandelbrot", "multibrot");
    assert_eq!(power(&multibrot), Kind::Multibrot { power: 3 });
    assert_eq!(power(&(multibrot + "power = 5")), Kind::Multibrot { power: 5 });
}

#[test]
fn every_scene_that_ships_is_good_and_says_what_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        Scene::load(&path).unwrap_or_else(|e| panic!("{e}"));
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("# "), "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 6);
    assert!(Scene::embedded().is_ok());
}

#[test]
fn a_complaint_shows_the_place() {
    let expected = "\
s.toml:4:14: size: expected a whole number from 1 to 16384, found 0
  |
4 | size = [320, 0]
  |              ^";
    assert_eq!(complaint("size = [320, 0]"), expected);
    let expected = "\
s.toml:6:34: palette: expected a colour \"#rrggbb\", found \"grün\"
  |
6 | palette = [\"#000000\", \"#ffffff\", \"grün\"]
  |                                  ^^^^^^";
    assert_eq!(complaint("palette = [\"#000000\", \"#ffffff\", \"grün\"]"), expected);
}

#[test]
fn bad_values_are_named_with_their_place_and_what_was_expected() {
    let cases = [
        (
            "kind = \"newton\"",
            "s.toml:1:8: kind: expected one of \"mandelbrot\", \"julia\", \"burning-ship\", \"tricorn\", \"multibrot\", found \"newton\"",
        ),
        ("kind = 3", "s.toml:1:8: invalid type: integer `3`, expected a string"),
        (
            "kind = \"julia\"",
            "s.toml:1:8: `c` is missing: expected [real, imaginary], the constant of a julia set",
        ),
        ("c = [1, 2]", "s.toml:7:5: c: expected only with kind = \"julia\", found kind = \"mandelbrot\""),
        (
            "power = 3",
            "s.toml:7:9: power: expected only with kind = \"multibrot\", found kind = \"mandelbrot\"",
        ),
        ("center = [0.0]", "s.toml:2:10: invalid length 1, expected an array of length 2"),
        ("center = [0.0, nan]", "s.toml:2:10: center: expected two numbers from -100 to 100, found NaN"),
        ("center = [0.0, 101.0]", "s.toml:2:10: center: expected two numbers from -100 to 100, found 101"),
        (
            "center = \"middle\"",
            "s.toml:2:10: invalid type: string \"middle\", expected an array of length 2",
        ),
        ("scale = 0", "s.toml:3:9: scale: expected a number above 0, at most 100, found 0"),
        ("scale = -1.5", "s.toml:3:9: scale: expected a number above 0, at most 100, found -1.5"),
        ("scale = \"wide\"", "s.toml:3:9: invalid type: string \"wide\", expected a number"),
        ("scale = inf", "s.toml:3:9: scale: expected a number above 0, at most 100, found inf"),
        (
            "scale = 1e-14",
            "s.toml:3:9: scale: expected at least 7.1e-14 at this center and size (a double holds no finer pixels), found 1e-14",
        ),
        ("size = [20000, 10]", "s.toml:4:9: size: expected a whole number from 1 to 16384, found 20000"),
        ("size = [-1, 10]", "s.toml:4:9: size: expected a whole number from 1 to 16384, found -1"),
        ("size = [1.5, 10]", "s.toml:4:9: invalid type: floating point `1.5`, expected a whole number"),
        ("iterations = 0", "s.toml:5:14: iterations: expected a whole number from 1 to 1000000, found 0"),
        (
            "iterations = 1000001",
            "s.toml:5:14: iterations: expected a whole number from 1 to 1000000, found 1000001",
        ),
        (
            "palette = \"rainbow\"",
            "s.toml:6:11: palette: expected one of \"ember\", \"ocean\", \"glacier\", \"orchid\", \"moss\", \"spectrum\", or a list of colours \"#rrggbb\", found \"rainbow\"",
        ),
        ("palette = [\"#123456\"]", "s.toml:6:11: palette: expected 2 to 256 colours, found 1"),
        (
            "palette = 7",
            "s.toml:6:11: invalid type: integer `7`, expected the name of a palette or a list of colours \"#rrggbb\"",
        ),
        ("cycle = 0", "s.toml:7:9: cycle: expected a number above 0, at most 1000000, found 0"),
        ("inside = \"black\"", "s.toml:7:10: inside: expected a colour \"#rrggbb\", found \"black\""),
        ("samples = 9", "s.toml:7:11: samples: expected a whole number from 1 to 8, found 9"),
        (
            "colour = 1",
            "s.toml:7:1: unknown field `colour`, expected one of `kind`, `c`, `power`, `center`, `scale`, `size`, `iterations`, `palette`, `cycle`, `inside`, `samples`",
        ),
        ("scale = ", "s.toml:3:9: string values must be quoted, expected literal string"),
        ("scale = 1 2", "s.toml:3:9: string values must be quoted, expected literal string"),
        ("kind", "s.toml:1:5: key with no value, expected `=`"),
    ];
    for (line, expected) in cases {
        assert_eq!(head_of(line), expected);
    }
}

#[test]
fn what_is_missing_is_named() {
    for (field, expected) in [
        (
            "kind",
            "`kind` is missing: expected one of \"mandelbrot\", \"julia\", \"burning-ship\", \"tricorn\", \"multibrot\"",
        ),
        ("center", "`center` is missing: expected [real, imaginary], the middle of the view"),
        ("scale", "`scale` is missing: expected the width of the view in the complex plane"),
        ("size", "`size` is missing: expected [width, height] in pixels"),
        ("iterations", "`iterations` is missing: expected a whole number from 1 to 1000000"),
        (
            "palette",
            "`palette` is missing: expected one of \"ember\", \"ocean\", \"glacier\", \"orchid\", \"moss\", \"spectrum\", or a list of colours \"#rrggbb\"",
        ),
    ] {
        let text: String = GOOD.lines().filter(|l| !l.starts_with(field)).flat_map(|l| [l, "\n"]).collect();
        assert_eq!(message_of(&text).lines().next(), Some(format!("s.toml:1:1: {expected}").as_str()));
    }
    assert!(message_of("").starts_with("s.toml:1:1: `kind` is missing"));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.toml");
    let message = |path: &Path| Scene::load(path).unwrap_err().to_string();
    let name = path.display().to_string();
    assert_eq!(
        message(&path),
        format!("{name}: cannot read this scene file: No such file or directory (os error 2)")
    );
    std::fs::write(&path, b"kind = \"\xff\"").unwrap();
    assert_eq!(
        message(&path),
        format!("{name}: cannot read this scene file: stream did not contain valid UTF-8")
    );
    std::fs::write(&path, vec![b' '; 1_048_577]).unwrap();
    assert_eq!(
        message(&path),
        format!("{name}: expected a scene file of at most 1048576 bytes, found 1048577")
    );
}

#[test]
fn limits_hold_for_what_comes_from_a_peer_too() {
    let good = file::parse("s.toml", GOOD).unwrap();
    assert_eq!(good.check(), Ok(()));
    let problem = |change: fn(&mut Scene)| {
        let mut scene = good.clone();
        change(&mut scene);
        scene.check().unwrap_err().field
    };
    assert_eq!(problem(|s| s.size = [0, 1]), "size");
    assert_eq!(problem(|s| s.samples = u32::MAX), "samples");
    assert_eq!(problem(|s| s.iterations = u32::MAX), "iterations");
    assert_eq!(problem(|s| s.palette = Palette::new(vec![])), "palette");
    assert_eq!(problem(|s| s.kind = Kind::Julia { c: [f64::NAN, 0.0] }), "c");
    assert_eq!(problem(|s| s.kind = Kind::Multibrot { power: 1 }), "power");
}
