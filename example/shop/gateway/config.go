package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// config is what etc/gateway.conf says.
type config struct {
	upstreams  []upstream
	cookieKey  []byte // signs what goes to the api
	statusUser string
	statusPass string // of the page /status; empty: there is no such page
}

// upstream is one replica of the api.
type upstream struct {
	uiid    int
	address string // HOST:PORT
}

// readConfig reads lines of "key = value"; "#" starts a comment line. No error holds a value.
func readConfig(file string) (config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return config{}, err
	}
	var c config
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !ok:
			return config{}, fmt.Errorf("%s:%d: expected key = value", file, i+1)
		case key == "cookie_key":
			c.cookieKey = []byte(value)
		case key == "status_user":
			c.statusUser = value
		case key == "status_password":
			c.statusPass = value
		case key == "upstream":
			u, err := parseUpstream(value)
			if err != nil {
				return config{}, fmt.Errorf("%s:%d: %w", file, i+1, err)
			}
			c.upstreams = append(c.upstreams, u)
		default:
			return config{}, fmt.Errorf("%s:%d: unknown key %q", file, i+1, key)
		}
	}
	switch {
	case len(c.cookieKey) < 16:
		return config{}, fmt.Errorf("%s: cookie_key must be there, of 16 characters or more", file)
	case len(c.upstreams) == 0:
		return config{}, fmt.Errorf("%s: there is no upstream", file)
	}
	return c, nil
}

// parseUpstream reads "UIID HOST:PORT".
func parseUpstream(s string) (upstream, error) {
	id, address, _ := strings.Cut(s, " ")
	uiid, err := strconv.Atoi(id)
	if err != nil {
		return upstream{}, fmt.Errorf("an upstream is UIID HOST:PORT, not %q", s)
	}
	address = strings.TrimSpace(address)
	if _, _, err := net.SplitHostPort(address); err != nil {
		return upstream{}, fmt.Errorf("an upstream is UIID HOST:PORT, not %q", s)
	}
	return upstream{uiid: uiid, address: address}, nil
}
