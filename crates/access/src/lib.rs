//! Who may do what: operators with their passwords and one-time codes, roles, API tokens, sessions, and what slows guessing down.
//!
//! Never reads a clock, draws randomness, opens a file or speaks to a network: moments and random bytes are handed in.
//! Start at [`Register`], which holds the operators, and [`Permissions`], which decides; then [`Sessions`] and [`Attempts`].
//! Read next: `policies/console.cedar`, which is the whole of who may do what, and `docs/operators.md`.

mod attempts;
mod cipher;
mod commonest;
mod name;
pub mod openid;
mod operator;
mod password;
mod permission;
mod register;
mod session;
mod token;
mod totp;

pub use attempts::{Attempts, Wait};
pub use name::{Name, NameError};
pub use operator::{Operator, Role, SignIn};
pub use password::{Cost, Password, PasswordError, PasswordHash};
pub use permission::{Action, Caller, PermissionError, Permissions};
pub use register::{Change, ChangeError, OPERATORS_MAX, Register, TOKENS_MAX};
pub use session::{Session, SessionId, Sessions, Stage, Timeouts};
pub use token::{Token, TokenSecret};
pub use totp::{Code, Seed};
