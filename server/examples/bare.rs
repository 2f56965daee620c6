//! The least that can answer with some bytes: a bare axum handler, to see what everything else around the lobby's answers costs.
//!
//! ```sh
//! curl -s localhost:8080/v1/rooms > rooms.json
//! cargo run -p server --example bare -- 127.0.0.1:8090 rooms.json
//! wrk -t2 -c64 -d10s http://127.0.0.1:8090/
//! ```
//!
//! Flow: address, file → one handler, on a runtime like the server's own.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("Say where to listen and which file to serve: bare 127.0.0.1:8090 rooms.json".into());
    };
    let body = Bytes::from(std::fs::read(file)?);
    let router = Router::new().route("/", get(async move || ([(CONTENT_TYPE, "application/json")], body)));
    transport::runtime::runtime()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await?;
        axum::serve(listener, router).await
    })?;
    Ok(())
}
