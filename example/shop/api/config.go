package main

import (
	"fmt"
	"os"
	"strings"
)

// config is what etc/api.conf says.
type config struct {
	title     string // what the shop calls itself
	cookieKey []byte // the gateway signs with it
	jobKey    []byte // the workers sign with it
}

// readConfig reads lines of "key = value"; "#" starts a comment line. A key that is not known is an
// error, since a slip of the pen must not pass for a setting. No error holds a value.
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
		case key == "title":
			c.title = value
		case key == "cookie_key":
			c.cookieKey = []byte(value)
		case key == "job_key":
			c.jobKey = []byte(value)
		default:
			return config{}, fmt.Errorf("%s:%d: unknown key %q", file, i+1, key)
		}
	}
	if len(c.cookieKey) < 16 || len(c.jobKey) < 16 {
		return config{}, fmt.Errorf("%s: cookie_key and job_key must be there, of 16 characters or more", file)
	}
	return c, nil
}
