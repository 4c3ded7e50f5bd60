//! Frames of several messages: each has its answer, and no answer is taken for that of another message.

use crate::scene::{Behind, Reaction, Scene, ack, admit, framed, said, story};

/// A frame of these messages; a batch if the first word names one.
fn frame(ids: &str) -> String {
    let message = |id: &str| match id {
        "-" => admit(""),
        batch if batch.starts_with('B') => format!("BHS|^~\\&|LAB|HALL|||||||{batch}\r"),
        id => admit(id),
    };
    let trailer = if ids.starts_with('B') { "BTS|2\r" } else { "" };
    ids.split(' ').map(message).collect::<String>() + trailer
}

/// One MSA: `AA 1`.
fn answer(said: &str) -> String {
    let (code, id) = said.split_once(' ').unwrap();
    ack(code, &admit(id))
}

/// What each frame is answered with: `;` between frames, `!` and the connection is closed. Then what the sender hears of
/// each, and what the ledger says of it.
fn check(frames: &[(&str, &[&str], &[&str], &str)]) -> Behind {
    let script: Vec<(String, Vec<String>)> = frames
        .iter()
        .map(|(sent, answers, ..)| (frame(sent), answers.iter().map(|one| (*one).to_owned()).collect()))
        .collect();
    let behind = Behind::new(move |message| {
        let (_, answers) = script.iter().find(|(sent, _)| sent == message).unwrap();
        let frames = |answers: &[String]| -> Vec<String> {
            answers.iter().map(|one| one.split('+').map(answer).collect()).collect()
        };
        match answers.split_last() {
            Some((last, before)) if last == "!" => {
                Reaction::Break(frames(before).iter().flat_map(|one| framed(one)).collect())
            }
            _ => Reaction::Frames(frames(answers)),
        }
    });
    let scene = Scene::open(&behind);
    let mut sender = scene.connect();
    for (sent, _, want, _) in frames {
        sender.write(&framed(&frame(sent)));
        let heard: Vec<String> = want.iter().map(|_| said(&sender.read().unwrap())).collect();
        assert_eq!(heard, want.iter().map(|one| one.trim()).collect::<Vec<_>>(), "{sent}");
    }
    let (_, entries) = scene.stop();
    let settled: Vec<String> = story(&entries).into_iter().filter(|line| !line.contains(" by ")).collect();
    let settled: Vec<&str> = settled.iter().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(settled, frames.iter().map(|(.., settled)| *settled).collect::<Vec<_>>());
    behind
}

fn connections(behind: &Behind) -> Vec<usize> {
    behind.seen().iter().map(|(connection, _)| *connection).collect()
}

#[test]
fn a_late_answer_to_one_frame_is_no_answer_to_the_next() {
    let broke_off = "AE 3 EOSIN_RECEIVER_BROKE_OFF";
    for [first, second] in [["1 2", "3 4"], ["B1 1 2", "3"]] {
        // The receiver is slow with its second answer, then dies and takes nothing of the second frame.
        check(&[
            (first, &["AA 1"], &["AA 1"], "unknown"),
            (second, &["AE 2", "!"], &["AE 2", broke_off], "unknown"),
        ]);
    }
    check(&[("-", &["AA something-else"], &["AE  EOSIN_RECEIVER_CONFUSED"], "unknown")]);
    // An answer that names nobody may be to the frame before.
    check(&[
        ("1 2", &["AA 1"], &["AA 1"], "unknown"),
        ("3", &["AA "], &["AE 3 EOSIN_RECEIVER_CONFUSED"], "unknown"),
    ]);
    let behind = check(&[("1 2", &["AA "], &["AA "], "unknown"), ("3", &["AA "], &["AA "], "answered 200")]);
    assert_eq!(connections(&behind), [0, 1], "what may still come stays behind");
}

#[test]
fn every_answer_to_a_frame_is_passed_on_and_settled() {
    check(&[
        ("1 2", &["AA 1", "AA 2"], &["AA 1", "AA 2"], "answered 200"),
        ("3 4", &["AA 3", "AR 4"], &["AA 3", "AR 4"], "answered 500"),
        ("5 6", &["AR 5+AR 6"], &["AR 5"], "answered 400"),
        ("7 8", &["AA 7+AR 8"], &["AA 7"], "answered 500"),
        ("B9 9 10", &["AA B9"], &["AA B9"], "answered 200"),
        ("11", &["AA 11"], &["AA 11"], "answered 200"),
    ]);
}

#[test]
fn a_receiver_that_answers_late_keeps_its_order_and_each_answer_arrives() {
    let behind = check(&[
        ("1 2", &["AA 1"], &["AA 1"], "unknown"),
        ("3", &["AR 2", "AA 3"], &["AR 2", "AA 3"], "answered 200"),
    ]);
    assert_eq!(connections(&behind), [0, 0]);
}
