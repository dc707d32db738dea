package http

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"crm/domain"
)

// The limits of bodies, which the OpenAPI document and the problems tell too.
const (
	maxBody      = 1 << 20 // bytes of a command
	maxBatchBody = 8 << 20 // bytes of a batch
	maxDepth     = 32      // how deep they may nest
)

// readBody reads a JSON body of at most limit bytes; none is the empty object.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) (jsontext.Value, error) {
	if r.ContentLength > limit { // who asks first need not send it
		return nil, ErrBodyTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	switch tooLarge, ok := errors.AsType[*http.MaxBytesError](err); {
	case ok && tooLarge != nil:
		return nil, ErrBodyTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, ErrBodyTooSlow
	case err != nil:
		return nil, ErrMalformed.At("", "The body could not be read to its end.")
	case len(body) == 0:
		return jsontext.Value("{}"), nil
	}
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return nil, ErrMediaType
	}
	if charset, given := parameters["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return nil, ErrMediaType.At("", "Send JSON in UTF-8, which is its only charset (RFC 8259).")
	}
	if coding := r.Header.Values("Content-Encoding"); len(coding) > 1 || len(coding) == 1 && coding[0] != "" && !strings.EqualFold(coding[0], "identity") {
		return nil, ErrMediaType.At("", "Send the body as it is, without Content-Encoding. Nothing is unpacked here.")
	}
	return body, nil
}

// decode reads JSON strictly: every name is known and there once, every text is
// UTF-8, every value of the right type. Errors point at the place.
func decode(data jsontext.Value, into any) error {
	if deeper(data, maxDepth) {
		return ErrMalformed.At("", "The body is nested more than %d levels deep.", maxDepth)
	}
	err := json.Unmarshal(data, into, json.RejectUnknownMembers(true), json.WithUnmarshalers(wholeMoney))
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*domain.Refusal](err); ok {
		return refusal
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return ErrMalformed.At(string(syntactic.JSONPointer), "The name is there twice.")
		}
		return ErrMalformed.At(string(syntactic.JSONPointer), "The body is not JSON: %s at byte %d.", syntactic.Err, syntactic.ByteOffset)
	}
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return err
	}
	pointer := string(semantic.JSONPointer)
	if semantic.Err == json.ErrUnknownName { //nolint:errorlint // documented to be wrapped directly
		return ErrUnknownField.At(pointer, "There is no field %s here.", semantic.JSONPointer.LastToken())
	}
	return domain.ErrInvalid.At(pointer, "%s", expected(semantic))
}

// wholeMoney reads money that names both its parts: an amount that was left out is
// not an amount of nothing.
var wholeMoney = json.UnmarshalFromFunc(func(in *jsontext.Decoder, money *domain.Money) error {
	if in.PeekKind() != '{' {
		return errors.ErrUnsupported // null, or a wrong type: as of any object
	}
	pointer := string(in.StackPointer())
	var parts struct {
		Minor    *int64          `json:"minor"`
		Currency domain.Currency `json:"currency"`
	}
	if err := json.UnmarshalDecode(in, &parts); err != nil {
		return err
	}
	if parts.Minor == nil {
		return domain.ErrInvalid.At(pointer+"/minor", "Money says how much, in minor units.")
	}
	*money = domain.Money{Minor: *parts.Minor, Currency: parts.Currency}
	return nil
})

// deeper reports whether JSON nests deeper than limit. It need not be valid.
func deeper(data []byte, limit int) bool {
	depth, text := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

var (
	instant  = reflect.TypeFor[time.Time]()
	quantity = reflect.TypeFor[domain.Quantity]()
	anyUUID  = reflect.TypeFor[uuid.UUID]()
)

// expected says what should have stood there.
func expected(err *json.SemanticError) string {
	of := err.GoType
	switch {
	case of == nil:
		return "The value is not valid."
	case of == instant:
		return "An instant looks like 2026-11-22T09:30:00Z."
	case of == quantity:
		return "A quantity is a text such as \"1.5\", with at most three decimal places."
	case of == anyUUID, of.Kind() == reflect.Struct && of.NumField() > 0 && of.Field(0).Type == anyUUID:
		return "The value is not a UUID."
	}
	switch of.Kind() {
	case reflect.String:
		return "A text is expected."
	case reflect.Bool:
		return "true or false is expected."
	case reflect.Int, reflect.Int64:
		return "A whole number of at most 64 bits is expected."
	case reflect.Slice:
		return "A list is expected."
	case reflect.Struct, reflect.Map:
		return "An object is expected."
	default:
		return "The value is not valid."
	}
}

// members are the names in a JSON object, which decode has read already.
func members(data jsontext.Value) map[string]jsontext.Value {
	var values map[string]jsontext.Value
	if json.Unmarshal(data, &values) != nil {
		return nil
	}
	return values
}
