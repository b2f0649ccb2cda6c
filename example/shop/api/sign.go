package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	timeHeader      = "X-Shop-Time"
	signatureHeader = "X-Shop-Signature"
	maxBody         = 64 << 10
	maxAge          = 30 * time.Second
)

// signature is the HMAC-SHA-256 of what a request asks for. Gateway and worker compute the same:
// the three programs share this contract, not code.
func signature(key []byte, unix, method, uri string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%s\n%s\n%x", unix, method, uri, sha256.Sum256(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// verify checks that a request was signed with the key, and not long ago. It reads the body and puts
// it back.
func verify(key []byte, r *http.Request, now time.Time) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return fmt.Errorf("reading the body: %w", err)
	}
	if len(body) > maxBody {
		return fmt.Errorf("the body is larger than %d bytes", maxBody)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	unix := r.Header.Get(timeHeader)
	seconds, err := strconv.ParseInt(unix, 10, 64)
	if err != nil {
		return errors.New("the request is not signed")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > maxAge || age < -maxAge {
		return errors.New("the signature is too old, or a clock is wrong")
	}
	want := signature(key, unix, r.Method, r.URL.RequestURI(), body)
	if !hmac.Equal([]byte(want), []byte(r.Header.Get(signatureHeader))) {
		return errors.New("the signature does not fit the request")
	}
	return nil
}
