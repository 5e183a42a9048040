package handlers

import (
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/handshake/middleware"
)

const maxBodyBytes = 4096

var errTooLarge = refusal("content_too_large", "The body is larger than 4 KiB.")

// readBody reads the request's JSON into body, which is a pointer to a struct.
// It is strict: gin's own binding lets another content type, trailing data,
// repeated members and members in another case through.
func readBody(c *gin.Context, body any) error {
	kind, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || kind != "application/json" {
		return refusal("unsupported_media_type", "Send the body as Content-Type: application/json.")
	}
	if c.Request.ContentLength > maxBodyBytes {
		return errTooLarge
	}
	limited := http.MaxBytesReader(c.Writer, c.Request.Body, maxBodyBytes)
	err = json.UnmarshalRead(limited, body, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return errTooLarge
	}
	return badBody(err)
}

func badBody(err error) error {
	told := refusal("invalid_input", "The body is not one JSON object as this call wants it.")
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok && wrong.JSONPointer != "" {
		detail := "This member has the wrong type."
		if errors.Is(err, json.ErrUnknownName) {
			detail = "This call knows no such member."
		}
		told.Fields = []middleware.FieldFault{fault(wrong.JSONPointer, detail)}
	} else if wrong, ok := errors.AsType[*jsontext.SyntacticError](err); ok && errors.Is(err, jsontext.ErrDuplicateName) {
		told.Fields = []middleware.FieldFault{fault(wrong.JSONPointer, "This member stands there twice.")}
	}
	return told
}

func fault(member jsontext.Pointer, detail string) middleware.FieldFault {
	return middleware.FieldFault{Field: strings.TrimPrefix(string(member), "/"), Detail: detail}
}
