//! A form with files: what browsers send as `multipart/form-data`. A form without is read as well.

use axum::body::Body;
use axum::extract::{Form, FromRequest, Request};
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use serde::de::DeserializeOwned;

/// The most bytes of a form with its files.
pub(super) const LARGEST: usize = 12 << 20;

/// One file as it was chosen.
pub(super) struct Chosen {
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

/// The fields of a form, and its files.
pub(super) struct Posted<T>(pub(super) T, pub(super) Vec<Chosen>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = Response<Body>;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let given = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let Some(boundary) = boundary(given) else {
            let form = Form::from_request(request, state).await;
            return form.map(|Form(fields)| Posted(fields, Vec::new())).map_err(IntoResponse::into_response);
        };
        let body = axum::body::to_bytes(request.into_body(), LARGEST).await.map_err(|_| {
            let why = "The files are too large: together they may have 12 MB here. Go back and choose smaller ones.\n";
            (StatusCode::PAYLOAD_TOO_LARGE, why).into_response()
        })?;
        let unread = || (StatusCode::BAD_REQUEST, "The form could not be read.\n").into_response();
        let (fields, files) = parts(&body, &boundary).ok_or_else(unread)?;
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let plain = Request::post("/").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let plain = plain.body(Body::from(body)).map_err(|_| unread())?;
        let form = Form::from_request(plain, state).await;
        form.map(|Form(fields)| Posted(fields, files)).map_err(IntoResponse::into_response)
    }
}

fn boundary(content_type: &str) -> Option<String> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = rest.split_once("boundary=")?.1.split(';').next()?.trim().trim_matches('"');
    Some(boundary.to_owned()).filter(|boundary| !boundary.is_empty())
}

type Fields = Vec<(String, String)>;

/// A field without a file's name is text; a file without a name was not chosen.
fn parts(body: &Bytes, boundary: &str) -> Option<(Fields, Vec<Chosen>)> {
    let (mut fields, mut files) = (Vec::new(), Vec::new());
    let delimiter = format!("--{boundary}");
    let mut at = find(body, delimiter.as_bytes(), 0)? + delimiter.len();
    while body.get(at..at + 2) == Some(b"\r\n") {
        let head_ends = find(body, b"\r\n\r\n", at)?;
        let head = String::from_utf8_lossy(&body[at..head_ends]).into_owned();
        let ends = find(body, format!("\r\n{delimiter}").as_bytes(), head_ends + 4)?;
        let bytes = body.slice(head_ends + 4..ends);
        match named(&head, "filename") {
            Some(name) if !name.is_empty() => files.push(Chosen { name, content_type: kind_of(&head), bytes }),
            Some(_) => {}
            None => fields.push((named(&head, "name")?, String::from_utf8_lossy(&bytes).into_owned())),
        }
        at = ends + 2 + delimiter.len();
    }
    Some((fields, files))
}

fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    body.get(from..)?.windows(wanted.len()).position(|window| window == wanted).map(|at| at + from)
}

/// A parameter of `Content-Disposition`, as browsers write it: three characters are escaped.
fn named(head: &str, parameter: &str) -> Option<String> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let (_, rest) = line.split_once(&format!("; {parameter}=\""))?;
    let value = rest.split('"').next()?;
    Some(value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
}

fn kind_of(head: &str) -> String {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-type:"));
    let kind = line.and_then(|line| line.split_once(':')).map(|(_, kind)| kind.trim());
    kind.unwrap_or("application/octet-stream").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_files_are_read_as_a_browser_sends_them() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"subject\"\r\n\r\nZoll & Fracht\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"a %22b%22.pdf\"\r\n\
                    Content-Type: application/pdf\r\n\r\n%PDF\r\n--y\r\n\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--x--\r\n";
        let (fields, files) = parts(&Bytes::from(body), "x").expect("it is read");
        assert_eq!(fields, [("subject".to_owned(), "Zoll & Fracht".to_owned())]);
        assert_eq!(files.len(), 1, "none was chosen in the second");
        assert_eq!((files[0].name.as_str(), files[0].content_type.as_str()), ("a \"b\".pdf", "application/pdf"));
        assert_eq!(files[0].bytes, "%PDF\r\n--y\r\n");
    }

    #[test]
    fn what_is_cut_off_is_no_form() {
        for body in ["", "--x", "--x\r\nContent-Disposition: form-data; name=\"a\"", "--x\r\n\r\n\r\nabc"] {
            assert!(parts(&Bytes::from(body), "x").is_none_or(|(fields, files)| fields.is_empty() && files.is_empty()));
        }
        assert_eq!(boundary("multipart/form-data; boundary=\"a b\"").as_deref(), Some("a b"));
        assert_eq!(boundary("application/x-www-form-urlencoded"), None);
    }
}
