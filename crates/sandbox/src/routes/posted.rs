//! A form with files: what browsers send as `multipart/form-data`. A form without is read as well.

use axum::body::Body;
use axum::extract::{Form, FromRequest, Request};
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::multipart::{self, Part};

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
        let Some(boundary) = multipart::boundary(given) else {
            let form = Form::from_request(request, state).await;
            return form.map(|Form(fields)| Posted(fields, Vec::new())).map_err(IntoResponse::into_response);
        };
        let body = axum::body::to_bytes(request.into_body(), LARGEST).await.map_err(|_| {
            let why = "The files are too large: together they may have 12 MB here. Go back and choose smaller ones.\n";
            (StatusCode::PAYLOAD_TOO_LARGE, why).into_response()
        })?;
        let unread = || (StatusCode::BAD_REQUEST, "The form could not be read.\n").into_response();
        let (fields, files) = chosen(multipart::parts(&body, &boundary).ok_or_else(unread)?);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let plain = Request::post("/").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let plain = plain.body(Body::from(body)).map_err(|_| unread())?;
        let form = Form::from_request(plain, state).await;
        form.map(|Form(fields)| Posted(fields, files)).map_err(IntoResponse::into_response)
    }
}

/// A part without a file's name is a field; a file with an empty one was not chosen.
fn chosen(parts: Vec<Part>) -> (Vec<(String, String)>, Vec<Chosen>) {
    let (mut fields, mut files) = (Vec::new(), Vec::new());
    for Part { name, file, content_type, bytes } in parts {
        match file {
            Some(name) if !name.is_empty() => {
                let content_type = content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                files.push(Chosen { name, content_type, bytes });
            }
            Some(_) => {}
            None => fields.push((name, String::from_utf8_lossy(&bytes).into_owned())),
        }
    }
    (fields, files)
}
