//! The sandbox's page in a real browser: headless Chromium over the real `sidethread demo`.
//!
//! Where `chromium` and `chromedriver` are not installed the tests say so and pass, unless `SIDETHREAD_BROWSER` is
//! `required`. With `SIDETHREAD_PICTURES=<folder>` they keep pictures of each main moment there, light and dark, at
//! 1280 and at 390 pixels.

mod crossing;
mod faults;
mod lifecycle;
mod size;
mod stage;
mod ways;
mod windows;
