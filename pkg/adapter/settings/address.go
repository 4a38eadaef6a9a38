package settings

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"crm-connector/pkg/core/letter"
)

// URL returns the address of a server without a slash at its end, or fallback when it is not set: https, or http for a host
// at the desk. It may have a path, below which the server's own begin, and has neither query, fragment nor user.
func (r *Reader) URL(name, fallback string) string {
	v := r.Optional(name, "")
	if v == "" {
		return fallback
	}
	return r.address(name, v, server)
}

// NeedURL is URL for a setting that must be set.
func (r *Reader) NeedURL(name string) string {
	v := r.Need(name)
	if v == "" {
		return ""
	}
	return r.address(name, v, server)
}

// Page returns the address of the one page that is fetched from it, or "" when it is not set: as it is written, with any query that it has.
func (r *Reader) Page(name string) string {
	v := r.Optional(name, "")
	if v == "" || r.address(name, v, page) == "" {
		return ""
	}
	return v
}

// NeedDoors is NeedList for addresses under which somebody calls us. They are returned as they are written: they are signed so.
func (r *Reader) NeedDoors(name string) []string {
	all := r.NeedList(name)
	for _, v := range all {
		if r.address(name, v, door) == "" {
			return nil
		}
	}
	return all
}

// use is what an address is for.
type use int

const (
	server use = iota // we call what lies below it
	page              // we call exactly it
	door              // somebody calls exactly it
)

func (r *Reader) address(name, v string, u use) string {
	if what := r.wrongURL(v, u); what != "" {
		r.fail(name, what)
		return ""
	}
	return strings.TrimRight(v, "/")
}

// wrongURL says what is wrong with an address, "" when nothing is.
func (r *Reader) wrongURL(v string, use use) string {
	u, err := url.Parse(v)
	switch {
	case strings.ContainsFunc(v, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		return "holds a blank or a control character"
	case err == nil && u.User != nil:
		return "holds a user name or a password: an address has none here"
	case err != nil, u.Hostname() == "", u.Scheme != "https" && u.Scheme != "http":
		return "is not an https address, like https://connector.example.com"
	case u.Scheme == "http" && u.Hostname() != r.Host && !desk(u.Hostname()):
		return "is an http address: use https (http is for this machine and a container's network)"
	case u.Port() != "" && !port(u.Port()):
		return "has a port that is not from 1 to 65535"
	case use == server && strings.ContainsAny(v, "?#"):
		return "holds a ? or a #: leave out what follows"
	case strings.Contains(v, "#"):
		return "holds a #: leave out what follows"
	case use == server && vendors.MatchString(u.Path):
		return "holds a path of the vendor's own: leave out /crm, /oauth and what follows"
	}
	return ""
}

// vendors finds a path that is put behind the address of a vendor's server, and is not one before which it stands.
var vendors = regexp.MustCompile(`/(oauth|crm/objects|crm/v[0-9.]+)(/|$)`)

func port(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n > 0 && n <= 65535
}

// dockerHost is what a container calls the machine that it runs on, where a function under `sam local` finds the sandboxes
// (https://docs.docker.com/desktop/features/networking/).
const dockerHost = "host.docker.internal"

// desk reports whether a host is one of a developer's desk, where nobody has a certificate: the machine itself, seen from a
// container too, or a name without a dot out of a container network.
func desk(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host == dockerHost || !strings.ContainsAny(host, ".:")
	}
	return ip.IsLoopback()
}

// Listen returns the address to listen on, or fallback when it is not set: a host, which may be empty for all of the machine's
// addresses, a colon and a port.
func (r *Reader) Listen(name, fallback string) string {
	v := r.Optional(name, fallback)
	host, p, err := net.SplitHostPort(v)
	if err != nil || !port(p) || strings.ContainsAny(host, "/ \t") {
		r.fail(name, "is not a host, a colon and a port from 1 to 65535, like 127.0.0.1:8080")
		return fallback
	}
	return v
}

// NeedMailboxes is Need for one e-mail address or several with commas, each with or without a display name.
func (r *Reader) NeedMailboxes(name string) string {
	v := r.Need(name)
	if v == "" {
		return ""
	}
	all, err := letter.Addresses(v)
	switch {
	case err != nil:
		r.fail(name, "takes one e-mail address like client@example.com, or several with commas: "+err.Error())
	case len(all) > letter.MaxRecipients:
		r.fail(name, "has more than "+strconv.Itoa(letter.MaxRecipients)+" e-mail addresses")
	default:
		return v
	}
	return ""
}

// NeedMailbox is Need for one e-mail address, with or without a display name.
func (r *Reader) NeedMailbox(name string) string {
	v := r.Need(name)
	if v == "" {
		return ""
	}
	if all, err := letter.Addresses(v); err != nil || len(all) != 1 {
		r.fail(name, "takes one e-mail address, like connector@example.com")
		return ""
	}
	return v
}
