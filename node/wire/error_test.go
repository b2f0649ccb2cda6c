package wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

// failing is a node that fails as it is told to.
type failing struct {
	node.Node
	err error
}

func (n failing) Confirm(context.Context, node.Ballot, facsimile.Digest) error { return n.err }

func (n failing) Verify(context.Context, facsimile.Digest) iter.Seq2[facsimile.Difference, error] {
	return func(yield func(facsimile.Difference, error) bool) {
		_ = yield(facsimile.Difference{Path: "a\xff\n", Kind: facsimile.Extra, Note: "\xfe"}, nil) &&
			yield(facsimile.Difference{Path: "b"}, n.err) &&
			yield(facsimile.Difference{Path: "c", Kind: facsimile.Missing}, nil)
	}
}

func (n failing) Journal(context.Context, uint64) iter.Seq2[node.Event, error] {
	return func(yield func(node.Event, error) bool) {
		_ = yield(node.Event{Seq: 1, Note: "one"}, nil) && yield(node.Event{}, n.err)
	}
}

func TestErrorsCross(t *testing.T) {
	leaks(t)
	at := facsimile.Position{Layer: "prod", File: "define/prod.yaml", Line: 3, Column: 7}
	told := func(o facsimile.Outcome, msg string) *facsimile.Error {
		return facsimile.Errorf(o, "%s", msg).WithHint("do %s", "something").WithAt(at)
	}
	full := &fs.PathError{Op: "write", Path: "/srv/shop/x", Err: syscall.ENOSPC}
	var many error = errors.New("the end")
	for i := range 5000 {
		many = fmt.Errorf("%d: %w", i%10, many)
	}
	for name, c := range map[string]struct {
		err error
		is  []error
	}{
		"plain":                   {errors.New("no"), nil},
		"cancelled":               {context.Canceled, []error{context.Canceled}},
		"cancelled below":         {fmt.Errorf("while staging: %w", context.Canceled), []error{context.Canceled}},
		"deadline":                {facsimile.Errorf(facsimile.Refused, "cannot lock: %w", context.DeadlineExceeded), []error{context.DeadlineExceeded}},
		"a full disk":             {facsimile.Errorf(facsimile.Refused, "the disk is full: %w", full), []error{syscall.ENOSPC}},
		"not there":               {fmt.Errorf("x: %w", syscall.ENOENT), []error{fs.ErrNotExist}},
		"forbidden":               {&fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, []error{fs.ErrPermission}},
		"unsupported":             {fmt.Errorf("x: %w", errors.ErrUnsupported), []error{errors.ErrUnsupported}},
		"several":                 {errors.Join(io.ErrUnexpectedEOF, fmt.Errorf("%w and %w", fs.ErrExist, context.Canceled)), []error{io.ErrUnexpectedEOF, fs.ErrExist, context.Canceled}},
		"told":                    {told(facsimile.Refused, "cannot do it"), nil},
		"told below":              {fmt.Errorf("on app1: %w", told(facsimile.TwoReleases, "cannot do it")), nil},
		"told twice":              {facsimile.Errorf(facsimile.RolledBack, "outer: %w", told(facsimile.BadInput, "inner")), nil},
		"problems":                {facsimile.Problems{told(facsimile.Refused, "one"), told(facsimile.BadInput, "two")}, nil},
		"an outcome out of range": {told(facsimile.Outcome(99), "far out"), nil},
		"many":                    {many, nil},
		"no text":                 {errors.New(""), nil},
		"no UTF-8":                {errors.New("\xff"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := connect(t, newLink(0), failing{err: c.err})
			err := s.Confirm(t.Context(), nodetest.Ballot(1), facsimile.Digest{1})
			checkError(t, err, c.err, c.is)
			var found []facsimile.Difference
			for d, err := range s.Verify(t.Context(), facsimile.Digest{1}) {
				if err != nil {
					checkError(t, err, c.err, c.is)
				}
				found = append(found, d)
			}
			want := []facsimile.Difference{{Path: "a\xff\n", Kind: facsimile.Extra, Note: "\xfe"}, {Path: "b"}, {Path: "c", Kind: facsimile.Missing}}
			if diff := cmp.Diff(want, found); diff != "" {
				t.Error(diff)
			}
			for e, err := range s.Journal(t.Context(), 0) {
				if err != nil {
					checkError(t, err, c.err, c.is)
				} else if e.Seq != 1 || e.Note != "one" {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

func checkError(t *testing.T, got, sent error, is []error) {
	t.Helper()
	if got == nil {
		t.Fatal("no error came")
	}
	if len(sent.Error()) < 1000 && got.Error() != strings.ToValidUTF8(sent.Error(), "\uFFFD") {
		t.Errorf("%q came as %q", sent, got)
	}
	for _, target := range is {
		if !errors.Is(got, target) {
			t.Errorf("%q is not %q any more", got, target)
		}
	}
	var a, b *facsimile.Error
	if errors.As(sent, &a) != errors.As(got, &b) {
		t.Fatalf("%#v came as %#v", sent, got)
	}
	if a != nil {
		if a.Outcome > facsimile.TwoReleases {
			a.Outcome = facsimile.Refused
		}
		if b.Outcome != a.Outcome || b.Msg != a.Msg || b.Hint != a.Hint || !cmp.Equal(b.At, a.At) {
			t.Errorf("%+v came as %+v", a, b)
		}
	}
	var p, q facsimile.Problems
	if errors.As(sent, &p) != errors.As(got, &q) || len(p) != len(q) {
		t.Errorf("%d problems came as %d", len(p), len(q))
	}
}

// faulty is a Content one thing of which fails.
type faulty struct {
	*nodetest.Content
	tree, key, open, read error
}

func (c faulty) Tree(ctx context.Context, d facsimile.Digest) ([]byte, error) {
	if c.tree != nil {
		return nil, c.tree
	}
	return c.Content.Tree(ctx, d)
}

func (c faulty) Key(ctx context.Context, d facsimile.Digest) (node.Key, error) {
	if c.key != nil {
		return node.Key{}, c.key
	}
	return c.Content.Key(ctx, d)
}

func (c faulty) Open(ctx context.Context, d facsimile.Digest) (io.ReadCloser, error) {
	if c.open != nil {
		return nil, c.open
	}
	blob, err := c.Content.Open(ctx, d)
	if err == nil && c.read != nil {
		blob = io.NopCloser(io.MultiReader(io.LimitReader(blob, 1), errorReader{c.read}))
	}
	return blob, err
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

type ownError struct{ huge string }

func (e *ownError) Error() string { return "the store is damaged " + e.huge }

// TestErrorsOfTheContentComeBack checks that a fault of the operator's own Content, which goes to
// the node and comes back, is the operator's own error again.
func TestErrorsOfTheContentComeBack(t *testing.T) {
	leaks(t)
	for _, huge := range []string{"", strings.Repeat("x", 100_000)} {
		mine := &ownError{huge}
		for what, c := range map[string]faulty{"tree": {tree: mine}, "key": {key: mine}, "open": {open: mine}, "read": {read: mine}} {
			c.Content = nodetest.NewContent()
			tree := nodetest.Sample(t, c.Content)
			s := connect(t, newLink(0), newHost(t, newHome(t)))
			_, err := nodetest.Deploy(t.Context(), s, "app1", 1, tree, c)
			var got *ownError
			if !errors.As(err, &got) || got != mine {
				t.Errorf("%s: the error is %T %.300v", what, err, err)
			}
			c.tree, c.key, c.open, c.read = nil, nil, nil, nil
			if _, err := nodetest.Deploy(t.Context(), s, "app1", 1, tree, c); err != nil {
				t.Errorf("%s: then: %v", what, err)
			}
		}
	}
}

// recorder keeps what a link carries.
type recorder struct {
	*linkEnd
	sent bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.sent.Write(b)
	return r.linkEnd.Write(b)
}

// TestSecretsCrossSealed checks that a secret file crosses as the sealed bytes that the release
// has, outside of the compressed stream, and that nothing else of it does but its key.
func TestSecretsCrossSealed(t *testing.T) {
	leaks(t)
	content := nodetest.NewContent()
	const body = "correct horse battery staple"
	secret := content.Secret("password", body)
	tree := content.Add(t, secret, content.File("plain", words(3000, 1), 0o644))
	l := newLink(0)
	r := &recorder{linkEnd: l.operator}
	s := connectTo(t, r, l, newHost(t, newHome(t)))
	_, err := nodetest.Deploy(t.Context(), s, "app1", 1, tree, content)
	must(t, err)
	must(t, s.end(t))
	if sealed := content.Blob(secret.Digest); bytes.Count(r.sent.Bytes(), sealed) != 1 {
		t.Errorf("the sealed bytes crossed %d times", bytes.Count(r.sent.Bytes(), sealed))
	}
	if bytes.Contains(r.sent.Bytes(), []byte(body)) {
		t.Error("the secret crossed in the clear")
	}
}

// nosy is a node that asks for what is another node's.
type nosy struct {
	node.Node
	other  facsimile.Digest
	theirs []facsimile.Digest
	errs   *[]error
}

func (n nosy) Stage(ctx context.Context, _ node.Ballot, _ node.Order, c node.Content) (node.Staged, error) {
	note := func(err error) { *n.errs = append(*n.errs, err) }
	_, err := c.Tree(ctx, n.other)
	note(err)
	for _, d := range n.theirs {
		_, err = c.Key(ctx, d)
		note(err)
		blob, err := c.Open(ctx, d)
		if err == nil {
			_, err = io.Copy(io.Discard, blob)
		}
		note(err)
	}
	return node.Staged{}, nil
}

// TestNodeIsGivenOnlyItsOwn checks that a node gets nothing that its own tree does not name,
// though the Content has it.
func TestNodeIsGivenOnlyItsOwn(t *testing.T) {
	leaks(t)
	content := nodetest.NewContent()
	mine := content.Add(t, content.File("a", "mine", 0o644), content.Secret("s", "my secret"))
	plain, secret := content.File("a", "theirs", 0o644), content.Secret("s", "their secret")
	other := content.Add(t, plain, secret)
	o := nodetest.Order(1, "app1", mine)
	o.Trees["app2"] = other
	var errs []error
	s := connect(t, newLink(0), nosy{other: other, theirs: []facsimile.Digest{plain.Digest, secret.Digest}, errs: &errs})
	_, err := s.Stage(t.Context(), nodetest.Ballot(1), o, content)
	must(t, err)
	if len(errs) != 5 || content.Opened() != 0 {
		t.Fatalf("%d errors, %d blobs opened", len(errs), content.Opened())
	}
	for _, err := range errs {
		var e *facsimile.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), "does not give it") {
			t.Errorf("the node is told %v", err)
		}
	}
}
