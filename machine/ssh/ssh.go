// Package ssh reaches hosts as people do: by OpenSSH, with their configuration, keys, agent,
// certificates and jump hosts.
package ssh
