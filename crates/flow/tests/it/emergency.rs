//! An emergency version at the path: it stops what it says from the next crossing on, and ends by the clock alone.

use std::sync::{Arc, atomic::Ordering};

use flow::Passage;
use policy::{Continuity, Emergency, Environment, Mode, Policies};

use crate::world::{ADA, CREATE, EVE, World, boundary, post};

const STOP: &str = r#"@id("none") @reason("an emergency") forbid (principal, action, resource) when { context.synthetic > 0 };
    @id("rest") @reason("yes") permit (principal, action, resource);"#;

fn stop(scope: &str, until: i64, activation: &str) -> Arc<Emergency> {
    Arc::new(Emergency {
        policies: Arc::new(Policies::parse("stop", STOP).unwrap()),
        scope: scope.parse().unwrap(),
        until,
        activation: activation.to_owned(),
    })
}

/// Whether a synthetic contact and an attested one pass.
fn passing(world: &World) -> (bool, bool) {
    let here = boundary(Environment::Staging, Mode::Enforce, Continuity::Strict);
    let synthetic = World::marked(&world.synthetic, 0, ADA);
    let attested = World::marked(&world.attested, 1, EVE);
    let passes = |body: &str| matches!(world.pass(post(&here, CREATE, body)), Passage::Forward(_));
    (passes(&synthetic), passes(&attested))
}

#[test]
fn it_stops_synthetic_only_and_expires_by_itself() {
    let world = World::new();
    let now = world.seconds.load(Ordering::Relaxed);
    assert_eq!(passing(&world), (true, true));
    world.flow.narrow(&[stop("all", now + 60, "log#7")]);
    assert_eq!(passing(&world), (false, true));
    // Another version of the policies meanwhile does not end it.
    world.flow.activate(Policies::default_set().unwrap());
    assert_eq!(passing(&world), (false, true));
    world.seconds.fetch_add(59, Ordering::Relaxed);
    assert_eq!(passing(&world), (false, true));
    world.seconds.fetch_add(1, Ordering::Relaxed);
    assert_eq!(passing(&world), (true, true), "nobody was asked to end it");
    world.flow.narrow(&[stop("all", now + 60, "log#7")]);
    assert_eq!(passing(&world), (true, true), "what is over is not taken up again");

    let entries = world.entries();
    let events: Vec<_> = entries.iter().filter(|entry| entry["eosin"] == "emergency-in-force@1").collect();
    let told: Vec<_> = events.iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    assert_eq!(told, ["in-force", "expired"]);
    assert_eq!((&events[0]["activation"], &events[0]["scope"]), (&"log#7".into(), &"all".into()));
    let ruled = entries.iter().filter(|entry| entry["eosin"] == "ruling@1");
    let narrowed = ruled.filter(|entry| entry["policy"].as_str().unwrap().contains("+stop@")).count();
    assert_eq!(narrowed, 6, "each ruling names what was in force");
}

#[test]
fn a_clock_that_ran_ahead_and_comes_right_finds_it_in_force_again() {
    let world = World::new();
    let now = world.seconds.load(Ordering::Relaxed);
    world.flow.narrow(&[stop("all", now + 60, "log#7"), stop("boundary=feed", now + 9_000, "log#8")]);
    for (ahead, expected) in [
        (59, false),
        (60, true),
        (59, false),
        (10_000, true),
        (8_999, true),
        (0, false),
        (60, true),
        (0, false),
    ] {
        world.seconds.store(now + ahead, Ordering::Relaxed);
        assert_eq!(passing(&world), (expected, true), "{ahead} s ahead");
    }
    world.flow.narrow(&[]);
    assert_eq!(passing(&world), (true, true), "what was stood down does not come back");
    world.seconds.store(now - 10, Ordering::Relaxed);
    assert_eq!(passing(&world), (true, true));
}

#[test]
fn outside_its_scope_nothing_changes_and_standing_down_ends_it() {
    let world = World::new();
    let until = world.seconds.load(Ordering::Relaxed) + 3600;
    world
        .flow
        .narrow(&[stop("object=ServiceAppointment", until, "log#1"), stop("boundary=feed", until, "log#2")]);
    assert_eq!(passing(&world), (true, true));
    world.flow.narrow(&[stop("object=Contact,boundary=crm", until, "log#3")]);
    assert_eq!(passing(&world), (false, true));
    world.flow.narrow(&[]);
    assert_eq!(passing(&world), (true, true));
    let entries = world.entries();
    let events = entries.iter().filter(|entry| entry["event"] == "stood-down").count();
    assert_eq!(events, 3);
}
