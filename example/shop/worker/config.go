package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// config is what etc/worker.conf says.
type config struct {
	apis   []string      // HOST:PORT of each replica of the api
	jobKey []byte        // signs what goes to the api
	pause  time.Duration // when no api has work
}

// readConfig reads lines of "key = value"; "#" starts a comment line. No error holds a value.
func readConfig(file string) (config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return config{}, err
	}
	c := config{pause: time.Second}
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
		case key == "job_key":
			c.jobKey = []byte(value)
		case key == "api":
			if _, _, err := net.SplitHostPort(value); err != nil {
				return config{}, fmt.Errorf("%s:%d: an api is HOST:PORT, not %q", file, i+1, value)
			}
			c.apis = append(c.apis, value)
		case key == "pause":
			if c.pause, err = time.ParseDuration(value); err != nil || c.pause <= 0 {
				return config{}, fmt.Errorf("%s:%d: %q is not a pause, as in 500ms", file, i+1, value)
			}
		default:
			return config{}, fmt.Errorf("%s:%d: unknown key %q", file, i+1, key)
		}
	}
	switch {
	case len(c.jobKey) < 16:
		return config{}, fmt.Errorf("%s: job_key must be there, of 16 characters or more", file)
	case len(c.apis) == 0:
		return config{}, fmt.Errorf("%s: there is no api", file)
	}
	return c, nil
}
