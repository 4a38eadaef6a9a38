// Package local is what functions in containers find on this machine: an emulator of AWS with the stack's tables, queues,
// secrets and sender, sandbox CRMs and a sandbox WhatsApp, on the addresses that events/env.json names.
//
// It listens on the loopback interface and on Docker's bridge, and on nothing else. What lies in the tables and in the CRMs
// is not its business.
package local

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// Env is what `sam local --env-vars` puts into every function: events/env.json.
type Env map[string]string

// ReadEnv reads a file of that form.
func ReadEnv(path string) (Env, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct{ Parameters Env }
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file.Parameters, nil
}

// Write writes the file that ReadEnv reads.
func (e Env) Write(path string) error {
	text, err := json.MarshalIndent(map[string]Env{"Parameters": e}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// Ports are where the functions look for the emulator and the CRMs.
type Ports struct{ Emulator, HubSpot, Zoho, WhatsApp int }

// The settings that hold the ports.
const (
	settingAWS      = "AWS_ENDPOINT_URL"
	settingHubSpot  = "HUBSPOT_API_URL"
	settingZoho     = "ZOHO_API_URL"
	settingWhatsApp = "WHATSAPP_API_URL"
)

// Ports reads the ports out of the addresses.
func (e Env) Ports() (p Ports, err error) {
	for name, port := range map[string]*int{settingAWS: &p.Emulator, settingHubSpot: &p.HubSpot, settingZoho: &p.Zoho, settingWhatsApp: &p.WhatsApp} {
		u, err := url.Parse(e[name])
		if err == nil {
			*port, err = strconv.Atoi(u.Port())
		}
		if err != nil {
			return p, fmt.Errorf("%s is not an address with a port: %q", name, e[name])
		}
	}
	return p, nil
}

// Move returns the same settings with the addresses at other ports.
func (e Env) Move(to Ports) (Env, error) {
	from, err := e.Ports()
	if err != nil {
		return nil, err
	}
	out := maps.Clone(e)
	for name, value := range out {
		for was, is := range map[int]int{from.Emulator: to.Emulator, from.HubSpot: to.HubSpot, from.Zoho: to.Zoho, from.WhatsApp: to.WhatsApp} {
			old, rest, found := strings.Cut(value, ":"+strconv.Itoa(was))
			if found && strings.HasPrefix(old, "http://") {
				out[name] = old + ":" + strconv.Itoa(is) + rest
			}
		}
	}
	return out, nil
}

// container is how a container calls the machine that it runs on.
const container = "host.docker.internal"

// Here returns the same settings for functions that run on this machine itself.
func (e Env) Here() Env {
	out := Env{}
	for name, value := range e {
		out[name] = strings.Replace(value, "http://"+container+":", "http://"+loopback+":", 1)
	}
	return out
}

// Stack is the name of the stack, as SECRETS_PATH has it.
func (e Env) Stack() string { return strings.Trim(e["SECRETS_PATH"], "/") }
