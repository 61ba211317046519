"""Tests and sources of JavaScript, TypeScript, Go, Rust and Java, as syntax trees."""
