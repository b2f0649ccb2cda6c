//go:build unix

package ssh

import (
	"io"
	"testing"
)

func TestSmoke(t *testing.T) {
	w := newWorld(t)
	w.serve("h1")
	c := w.dial(w.dialer(), named("h1"))
	for range 2 {
		p, err := c.Start(t.Context(), []string{"printf", "%s|", "a b", `c\'d!`, "e\nf"})
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(p)
		t.Logf("%q %v %v", out, err, p.Wait())
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}
