//! Work spread over the cores in order: one thread reads, some work, the caller's thread writes.

use std::{
    num::NonZero,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

/// Reads items, works on them side by side, and consumes the results in the order in which they were read.
///
/// Item `n` goes to worker `n % workers` and its result is taken from there in turn: no result waits for one that
/// was read after it, and nothing is put in order again.
///
/// Shape:  `produce` calls what it is given once an item, until that says that nobody listens.
/// Bounds: at most [`QUEUE`] items wait for each worker, and as many results of each.
/// Errors: the first in the order of the items; then everything stops, and what was consumed before stays consumed.
pub(crate) fn in_order<I, O, E>(
    produce: impl FnOnce(&mut dyn FnMut(I) -> bool) -> Result<(), E> + Send,
    work: impl Fn(I) -> Result<O, E> + Sync,
    mut consume: impl FnMut(O) -> Result<(), E>,
) -> Result<(), E>
where
    I: Send,
    O: Send,
    E: Send,
{
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(WORKERS_MAX);
    let work = &work;
    thread::scope(|scope| {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for _ in 0..workers {
            let (give, take) = sync_channel::<I>(QUEUE);
            let (give_result, take_result) = sync_channel::<Result<O, E>>(QUEUE);
            inputs.push(give);
            outputs.push(take_result);
            scope.spawn(move || work_off(&take, &give_result, work));
        }
        let reader = scope.spawn(move || {
            let mut turns = inputs.iter().cycle();
            produce(&mut |item| turns.next().is_some_and(|worker: &SyncSender<I>| worker.send(item).is_ok()))
        });
        // A worker that has ended gives nothing more: it is the turn of the item that was never read.
        let mut consumed = Ok(());
        for results in outputs.iter().cycle() {
            let Ok(result) = results.recv() else { break };
            consumed = result.and_then(&mut consume);
            if consumed.is_err() {
                break;
            }
        }
        // Nobody listens any more: whoever still sends learns it and ends.
        drop(outputs);
        match reader.join() {
            Ok(produced) => consumed.and(produced),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Items that may wait for one worker: enough that it never waits for the disk.
const QUEUE: usize = 2;
/// More workers than this only wait for the one that writes.
const WORKERS_MAX: usize = 16;

fn work_off<I, O, E>(
    items: &Receiver<I>,
    results: &SyncSender<Result<O, E>>,
    work: &impl Fn(I) -> Result<O, E>,
) {
    for item in items {
        let result = work(item);
        let is_over = result.is_err();
        if results.send(result).is_err() || is_over {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(count: u32, fails_at: Option<u32>) -> (Vec<u32>, Result<(), String>) {
        let mut consumed = Vec::new();
        let done = in_order(
            |give| {
                for item in 0..count {
                    if !give(item) {
                        break;
                    }
                }
                if count == 7 { Err("the disk".to_owned()) } else { Ok(()) }
            },
            |item| if Some(item) == fails_at { Err(format!("item {item}")) } else { Ok(item * 2) },
            |result| {
                consumed.push(result);
                Ok(())
            },
        );
        (consumed, done)
    }

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for count in [0, 1, 2, 3, 1000] {
            let (consumed, done) = run(count, None);
            assert_eq!(consumed, (0..count).map(|item| item * 2).collect::<Vec<_>>());
            assert_eq!(done, Ok(()));
        }
    }

    #[test]
    fn the_first_failure_ends_it() {
        let (consumed, done) = run(1000, Some(100));
        assert_eq!((consumed.len(), done), (100, Err("item 100".to_owned())));
        let (consumed, done) = run(7, None);
        assert_eq!((consumed.len(), done), (7, Err("the disk".to_owned())));
    }

    #[test]
    fn who_consumes_can_end_it() {
        let mut seen = 0;
        let done = in_order(
            |give| {
                while give(1) {}
                Ok(())
            },
            Ok,
            |_| {
                seen += 1;
                if seen == 50 { Err("full") } else { Ok(()) }
            },
        );
        assert_eq!((seen, done), (50, Err("full")));
    }
}
