use serde_json::{Value, json};

use super::super::error::ImageProblem;
use super::super::testing::Sample;
use super::{Config, Descriptor, Document, MOST_LAYERS, Step, Walk, choose, parse};
use crate::digest::Digest;
use crate::image::ImagePlatform;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

fn problem(value: &Value) -> String {
    parse(&bytes(value)).expect_err("it is taken").to_string()
}

/// An entry of an index for a platform, such as `linux/arm/v7`; none for an empty text.
fn entry(platform: &str) -> Value {
    let digest = Digest::of(platform.as_bytes());
    let mut entry = json!({"mediaType": DOCKER, "digest": digest, "size": 7});
    let mut parts = platform.split('/');
    if let (Some(os), Some(architecture)) = (parts.next(), parts.next()) {
        entry["platform"] = json!({"os": os, "architecture": architecture});
        if let Some(variant) = parts.next() {
            entry["platform"]["variant"] = json!(variant);
        }
    }
    entry
}

fn index(platforms: &[&str]) -> Value {
    let entries: Vec<_> = platforms.iter().map(|platform| entry(platform)).collect();
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
}

fn entries(value: &Value) -> Vec<Descriptor> {
    let Document::Index(entries) = parse(&bytes(value)).unwrap() else { panic!("an image") };
    entries
}

fn platform(text: &str) -> ImagePlatform {
    text.parse().unwrap()
}

#[test]
fn the_best_of_an_index_is_chosen() {
    let arms = ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8", "unknown/unknown"];
    let table: [(&[&str], &str, Option<&str>); 16] = [
        (&arms, "linux/amd64", Some("linux/amd64")),
        (&arms, "linux/arm", Some("linux/arm/v7")),
        (&arms, "linux/arm/v7", Some("linux/arm/v7")),
        (&arms, "linux/arm/v6", Some("linux/arm/v6")),
        (&arms, "linux/arm/v5", None),
        (&arms, "linux/arm64", Some("linux/arm64/v8")),
        (&arms, "linux/arm64/v9", Some("linux/arm64/v8")),
        (&arms, "windows/amd64", None),
        (&arms, "linux/386", None),
        (&["linux/arm64"], "linux/arm64/v8", Some("linux/arm64")),
        (&["linux/arm"], "linux/arm/v7", Some("linux/arm")),
        (&["linux/arm/v5"], "linux/arm/v7", Some("linux/arm/v5")),
        (&["linux/amd64/v2", "linux/amd64"], "linux/amd64", Some("linux/amd64")),
        (&["linux/amd64", "linux/amd64/v3"], "linux/amd64/v4", Some("linux/amd64/v3")),
        (&["linux/amd64/v3"], "linux/amd64", None),
        (&[""], "linux/amd64", Some("")),
    ];
    for (there, wanted, expected) in table {
        let all = entries(&index(there));
        let chosen = choose(&all, &platform(wanted)).map(|one| one.digest).ok();
        let expected = expected.map(|expected| Digest::of(expected.as_bytes()));
        assert_eq!(chosen, expected, "{wanted} of {there:?}");
    }
}

#[test]
fn the_platforms_that_there_are_are_named() {
    let all =
        entries(&index(&["linux/arm64/v8", "linux/amd64", "unknown/unknown", "li\nnux/x", ""]));
    let error = choose(&all, &platform("linux/s390x")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it is not there for linux/s390x, but for linux/amd64, linux/arm64"
    );
    let error = choose(&[], &platform("linux/s390x")).unwrap_err();
    assert_eq!(error.to_string(), "it is not there for linux/s390x, but for nothing");
}

#[test]
fn what_is_hung_onto_an_image_is_not_chosen() {
    let mut index = index(&["linux/amd64", "linux/amd64"]);
    index["manifests"][0]["artifactType"] = json!("application/vnd.example.signature");
    index["manifests"][1]["digest"] = json!(Digest::of(b"the image"));
    let all = entries(&index);
    assert_eq!(choose(&all, &platform("linux/amd64")).unwrap().digest, Digest::of(b"the image"));
}

#[test]
fn images_of_both_kinds_are_read() {
    let sample = Sample::new();
    let mut docker = sample.manifest.clone();
    docker["mediaType"] = json!(DOCKER);
    docker["config"]["mediaType"] = json!("application/vnd.docker.container.image.v1+json");
    for layer in docker["layers"].as_array_mut().unwrap() {
        layer["mediaType"] = json!("application/vnd.docker.image.rootfs.diff.tar.gzip");
    }
    let mut silent = sample.manifest.clone();
    silent.as_object_mut().unwrap().remove("mediaType");
    for (manifest, expected) in
        [(&sample.manifest, super::OCI_MANIFEST), (&docker, DOCKER), (&silent, super::OCI_MANIFEST)]
    {
        let Document::Image(read) = parse(&bytes(manifest)).unwrap() else { panic!("an index") };
        assert_eq!((read.media_type.as_str(), read.layers.len()), (expected, 3));
        let sizes = sample.layers.iter().map(Vec::len).sum::<usize>() + sample.config_bytes().len();
        assert_eq!(read.size(), sizes as u64);
    }
    let mut list = index(&["linux/amd64"]);
    list["mediaType"] = json!(LIST);
    assert_eq!(entries(&list).len(), 1);
}

#[test]
fn a_size_counts_each_content_once_and_cannot_overflow() {
    let mut sample = Sample::new();
    let layer = sample.manifest["layers"][0].clone();
    sample.manifest["layers"] = json!([layer, layer]);
    sample.manifest["config"]["size"] = json!(1);
    let Document::Image(read) = parse(&sample.manifest_bytes()).unwrap() else { panic!() };
    assert_eq!(json!(read.size() - 1), layer["size"]);
    sample.manifest["layers"][0]["size"] = json!(u64::MAX);
    let Document::Image(read) = parse(&sample.manifest_bytes()).unwrap() else { panic!() };
    assert_eq!(read.size(), u64::MAX);
}

#[test]
fn hostile_manifests_are_refused_with_what_is_wrong() {
    type Change = fn(&mut Value);
    let table: &[(&str, Change)] = &[
        ("schema 1", |it| it["schemaVersion"] = json!(1)),
        ("`schemaVersion` is not 2", |it| it["schemaVersion"] = json!(3)),
        ("`schemaVersion` is not 2", |it| {
            drop(it.as_object_mut().unwrap().remove("schemaVersion"));
        }),
        ("invalid type", |it| it["schemaVersion"] = json!("2")),
        ("neither an image", |it| it["manifests"] = json!([])),
        ("neither an image", |it| drop(it.as_object_mut().unwrap().remove("layers"))),
        ("neither an image", |it| drop(it.as_object_mut().unwrap().remove("config"))),
        ("none by its `mediaType`", |it| it["mediaType"] = json!(INDEX)),
        ("none by its `mediaType`", |it| it["mediaType"] = json!("text/html")),
        ("holds `application/vnd.cncf.helm.config.v1+json`", |it| {
            it["config"]["mediaType"] = json!("application/vnd.cncf.helm.config.v1+json");
        }),
        ("holds `application/vnd.example.bundle`", |it| {
            it["artifactType"] = json!("application/vnd.example.bundle");
            it["config"]["mediaType"] = json!("application/vnd.oci.empty.v1+json");
        }),
        ("holds `application/vnd.in-toto+json`", |it| {
            it["layers"][1]["mediaType"] = json!("application/vnd.in-toto+json");
        }),
        ("holds `application/vnd.oci.image.layer.v1.tar+gzip+encrypted`", |it| {
            it["layers"][0]["mediaType"] =
                json!("application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
        }),
        ("may not be handed on, and comes from https://***@cdn.test/layer", |it| {
            it["layers"][0]["mediaType"] =
                json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
            it["layers"][0]["urls"] = json!(["https://user:hunter2@cdn.test/layer"]);
        }),
        ("may not be handed on, and comes from nothing", |it| {
            it["layers"][2]["mediaType"] =
                json!("application/vnd.oci.image.layer.nondistributable.v1.tar");
        }),
        ("its configuration is 999999999999 bytes long", |it| {
            it["config"]["size"] = json!(999_999_999_999_u64);
        }),
        ("invalid value", |it| it["layers"][0]["size"] = json!(-1)),
        ("is no digest", |it| it["layers"][0]["digest"] = json!("sha512:00")),
        ("is no digest", |it| it["layers"][0]["digest"] = json!("../../etc/passwd")),
        ("missing field `digest`", |it| {
            drop(it["config"].as_object_mut().unwrap().remove("digest"));
        }),
        ("it has 10000 layers", |it| it["layers"] = json!(vec![it["layers"][0].clone(); 10_000])),
    ];
    for (expected, change) in table {
        let mut manifest = Sample::new().manifest;
        change(&mut manifest);
        let problem = problem(&manifest);
        assert!(problem.contains(expected), "{expected}: {problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
    let mut many = Sample::new().manifest;
    many["layers"] = json!(vec![many["layers"][0].clone(); MOST_LAYERS]);
    assert!(parse(&bytes(&many)).is_ok());
}

#[test]
fn what_is_no_json_or_too_large_is_refused() {
    for text in ["", "{", "[]", "null", "<html>", "{\"schemaVersion\":2}", &"[".repeat(100_000)] {
        assert!(parse(text.as_bytes()).is_err(), "{text:.20}");
    }
    let large = format!("{{\"schemaVersion\":2{}}}", " ".repeat(5 << 20));
    let error = parse(large.as_bytes()).unwrap_err();
    assert!(matches!(error, ImageProblem::TooLarge { .. }), "{error}");
}

#[test]
fn an_index_is_followed_to_an_index_and_no_further() {
    let wanted = platform("linux/amd64");
    let image = bytes(&Sample::new().manifest);
    let over = |inner: &[u8], is_index: bool| {
        let mut outer = index(&["linux/amd64"]);
        outer["manifests"][0]["digest"] = json!(Digest::of(inner));
        outer["manifests"][0]["size"] = json!(inner.len());
        outer["manifests"][0]["mediaType"] = json!(if is_index { INDEX } else { DOCKER });
        bytes(&outer)
    };
    let (one, two, three);
    one = over(&image, false);
    two = over(&one, true);
    three = over(&two, true);

    let mut walk = Walk::new(&wanted, None);
    let Step::Ask(asked) = walk.take(two.clone()).unwrap() else { panic!("found") };
    assert_eq!(asked, Digest::of(&one));
    assert!(
        matches!(walk.take(one.clone()).unwrap(), Step::Ask(asked) if asked == Digest::of(&image))
    );
    let Step::Found(found) = walk.take(image.clone()).unwrap() else { panic!("asks") };
    assert_eq!((found.digest, found.index), (Digest::of(&image), Some(Digest::of(&two))));

    let mut walk = Walk::new(&wanted, None);
    walk.take(three).unwrap();
    walk.take(two).unwrap();
    assert!(matches!(walk.take(one), Err(ImageProblem::Nested)));
}

#[test]
fn an_answer_that_is_not_what_was_asked_for_is_refused() {
    let wanted = platform("linux/amd64");
    let image = bytes(&Sample::new().manifest);
    let mut walk = Walk::new(&wanted, Some(Digest::of(b"other")));
    let error = walk.take(image.clone()).unwrap_err();
    assert!(matches!(error, ImageProblem::Blob { what: "manifest", .. }), "{error}");
    let mut walk = Walk::new(&wanted, Some(Digest::of(&image)));
    assert!(matches!(walk.take(image.clone()), Ok(Step::Found(found)) if found.index.is_none()));
    // An index that says another size.
    let mut outer = index(&["linux/amd64"]);
    outer["manifests"][0]["digest"] = json!(Digest::of(&image));
    let mut walk = Walk::new(&wanted, None);
    walk.take(bytes(&outer)).unwrap();
    let error = walk.take(image).unwrap_err();
    assert!(matches!(error, ImageProblem::Blob { what: "manifest", .. }), "{error}");
}

#[test]
fn a_configuration_is_for_the_platforms_that_run_it() {
    let table = [
        ("amd64", None, "linux/amd64", true),
        ("amd64", None, "linux/amd64/v3", true),
        ("amd64", Some("v3"), "linux/amd64", false),
        ("arm", None, "linux/arm/v6", true),
        ("arm", Some("v7"), "linux/arm/v6", false),
        ("arm", Some("v6"), "linux/arm/v7", true),
        ("arm64", Some("v8"), "linux/arm64", true),
        ("arm64", None, "linux/amd64", false),
        ("amd64", None, "windows/amd64", false),
    ];
    for (architecture, variant, wanted, expected) in table {
        let mut config = Sample::of(&[]).config;
        config["architecture"] = json!(architecture);
        if let Some(variant) = variant {
            config["variant"] = json!(variant);
        }
        let config = Config::parse(&bytes(&config), 0).unwrap();
        let is_it = config.check(&platform(wanted)).is_ok();
        assert_eq!(is_it, expected, "{architecture} {variant:?} for {wanted}");
    }
}

#[test]
fn a_configuration_that_is_none_is_refused() {
    for text in ["", "null", "[]", "{}", "\u{0}", &"{\"rootfs\":".repeat(10_000)] {
        assert!(Config::parse(text.as_bytes(), 0).is_err(), "{text:.20}");
    }
}
