package wire

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// The methods. The operator calls those of node.Node, the node those of node.Content.
const (
	methodLook     = "look"
	methodPromise  = "promise"
	methodStage    = "stage"
	methodActivate = "activate"
	methodConfirm  = "confirm"
	methodRevert   = "revert"
	methodVerify   = "verify"
	methodJournal  = "journal"
	methodPrune    = "prune"
	methodRelease  = "release"

	methodTree  = "tree"
	methodKeys  = "keys"
	methodBlobs = "blobs"
)

// request is the body of a request.
type request struct {
	Method  string         `json:"method"`
	Timeout int64          `json:"timeout,omitzero"` // milliseconds until the caller's deadline
	Window  uint32         `json:"window,omitzero"`  // bytes of parts that may come before the first credit
	Args    jsontext.Value `json:"args"`
}

// ending is the body of an end.
type ending struct {
	Result jsontext.Value `json:"result,omitzero"`
	Error  *fault         `json:"error,omitzero"`
}

// The arguments of the methods. Those of node.Node have the fields of its parameters.
type (
	treeArgs struct {
		Tree facsimile.Digest `json:"tree"`
	}
	promiseArgs struct {
		Ballot node.Ballot `json:"ballot"`
		Owner  node.Owner  `json:"owner"`
		Lease  int64       `json:"lease"` // nanoseconds
	}
	orderArgs struct {
		Ballot node.Ballot `json:"ballot"`
		Order  node.Order  `json:"order"`
	}
	confirmArgs struct {
		Ballot  node.Ballot      `json:"ballot"`
		Release facsimile.Digest `json:"release"`
	}
	journalArgs struct {
		Since uint64 `json:"since"`
	}
	pruneArgs struct {
		Ballot node.Ballot        `json:"ballot"`
		Keep   int                `json:"keep"`
		Pinned []facsimile.Digest `json:"pinned"`
	}
	releaseArgs struct {
		Ballot node.Ballot `json:"ballot"`
	}
	// lentTreeArgs and lentArgs name the call of stage whose Content is meant.
	lentTreeArgs struct {
		Stage uint32           `json:"stage"`
		Tree  facsimile.Digest `json:"tree"`
	}
	lentArgs struct {
		Stage uint32 `json:"stage"`
		Blobs []byte `json:"blobs"` // digests, one after the other
	}
)

type (
	none       struct{}
	keysAnswer struct {
		Keys []byte `json:"keys"` // one after the other
	}
	difference struct {
		Path  text                     `json:"path"`
		Kind  facsimile.DifferenceKind `json:"kind"`
		Note  text                     `json:"note,omitzero"`
		Error *fault                   `json:"error,omitzero"`
	}
	event struct {
		Event node.Event `json:"event"`
		Error *fault     `json:"error,omitzero"`
	}
)

// secret keeps keys out of the compressed stream.
func (keysAnswer) secret() {}

// text is a string that need not be UTF-8, as paths on a disk need not: then it is an object.
type text string

type rawText struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements json.Marshaler.
func (t text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(rawText{[]byte(t)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var raw rawText
		err := decode(b, &raw)
		*t = text(raw.Base64)
		return err
	}
	var s string
	err := json.Unmarshal(b, &s)
	*t = text(s)
	return err
}

// encode makes JSON. What is no UTF-8 is replaced, but for texts.
func encode(v any) ([]byte, error) { return json.Marshal(v, jsontext.AllowInvalidUTF8(true)) }

// decode reads JSON and refuses a field that it does not know or that comes twice. The error
// repeats nothing of the input but names: a value may be a secret.
func decode(b []byte, v any) error {
	err := json.Unmarshal(b, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	if fault, ok := asSemantic(err); ok {
		return brokenf("%s is not what it should be", fault)
	}
	return brokenf("not the JSON of this protocol")
}

func asSemantic(err error) (string, bool) {
	fault, ok := err.(*json.SemanticError)
	if !ok || fault.JSONPointer == "" {
		return "", false
	}
	return fmt.Sprintf("the field %.100q", string(fault.JSONPointer)), true
}

func encodeRequest(ctx context.Context, method string, args any, window int) ([]byte, error) {
	body, err := encode(args)
	if err != nil {
		return nil, err
	}
	q := request{Method: method, Window: uint32(window), Args: body}
	if deadline, ok := ctx.Deadline(); ok {
		q.Timeout = max(time.Until(deadline).Milliseconds(), 1)
	}
	return encode(q)
}

func decodeRequest(body []byte) (q request, err error) {
	if err = decode(body, &q); err == nil && q.Timeout < 0 {
		err = brokenf("a deadline in the past")
	}
	return q, err
}

func encodeAnswer(result any, err error) ([]byte, error) {
	if err != nil {
		return encode(ending{Error: encodeFault(err)})
	}
	if result == nil {
		result = none{}
	}
	body, err := encode(result)
	if err != nil {
		return nil, err
	}
	return encode(ending{Result: body})
}

// decodeAnswer gives the result or the error of an end. Lent gives the errors of this side that
// the other side had from it.
func decodeAnswer(body []byte, result any, lent func(ref int) error) error {
	var e ending
	if err := decode(body, &e); err != nil {
		return err
	}
	if e.Error != nil {
		return e.Error.decode(lent)
	}
	return decode(e.Result, result)
}
