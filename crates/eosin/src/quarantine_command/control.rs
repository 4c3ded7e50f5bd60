//! The socket of a running gateway: one question a line, one answer, for whoever may use the folder.

use std::{path::Path, sync::Arc, time::Duration};

use miette::{IntoDiagnostic as _, WrapErr as _};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::timeout,
};

use super::{
    asking::{Ask, MESSAGE_BYTES_MAX, signed, socket},
    desk::Desk,
};

/// Listens in the quarantine's folder until it is dropped. The store's lock is held, so nobody else does.
///
/// Errors: the socket cannot be made, for instance where the folder's path is over a hundred bytes long.
pub(crate) fn serve(
    folder: &Path,
    desk: Arc<Desk>,
) -> miette::Result<impl Future<Output = ()> + Send + 'static> {
    let path = socket(folder);
    // What a crash left behind; the lock says that its owner is gone.
    drop(std::fs::remove_file(&path));
    let listener = UnixListener::bind(&path)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot listen at {}", path.display()))?;
    Ok(async move {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let desk = Arc::clone(&desk);
            tokio::spawn(async move {
                let _permit = permit;
                if answer(stream, &desk).await.is_err() {
                    tracing::debug!("a question to the quarantine broke off");
                }
            });
        }
    })
}

async fn answer(stream: UnixStream, desk: &Desk) -> std::io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let (from, mut to) = stream.into_split();
    let mut question = Vec::new();
    let mut from = BufReader::new(from).take(MESSAGE_BYTES_MAX);
    timeout(QUESTION_TIME, from.read_until(b'\n', &mut question)).await??;
    let ask: Ask = serde_json::from_slice(&question)?;
    let told = desk.carry_out(signed(ask, uid)).await;
    let mut said = serde_json::to_vec(&told)?;
    said.push(b'\n');
    to.write_all(&said).await?;
    to.shutdown().await
}

const CONNECTIONS_MAX: usize = 16;
const QUESTION_TIME: Duration = Duration::from_secs(10);
