package zoho

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// How long the list of users is used, and how soon a miss may have it read again.
const (
	usersLast  = 10 * time.Minute
	usersPause = time.Minute
)

// user is one row of GET /users (https://www.zoho.com/crm/developer/docs/api/v8/get-users.html).
type user struct {
	ID     digits `json:"id"`
	Email  string `json:"email"`
	Status string `json:"status"`
}

type users struct {
	Users []user `json:"users"`
	Info  struct {
		More bool `json:"more_records"`
	} `json:"info"`
}

// directory knows the users of the organisation by e-mail and by id.
type directory struct {
	mu     sync.Mutex
	read   time.Time
	ids    map[string]string // lower-case e-mail of an active user -> id
	emails map[string]string // id -> e-mail, active or not
}

// id returns the id of the active user with this e-mail, "" when there is none.
func (d *directory) id(ctx context.Context, c *Client, email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	if email == "" {
		return "", nil
	}
	return d.look(ctx, c, func() string { return d.ids[email] })
}

// email returns the e-mail of the user with this id, "" when there is none.
func (d *directory) email(ctx context.Context, c *Client, id string) (string, error) {
	return d.look(ctx, c, func() string { return d.emails[id] })
}

// look asks the list, and Zoho when the list is old or does not know. Callers that come meanwhile wait for the one answer.
func (d *directory) look(ctx context.Context, c *Client, get func() string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	age := c.cfg.Now().Sub(d.read)
	if found := get(); found != "" && age < usersLast || d.ids != nil && age < usersPause {
		return found, nil
	}
	if err := d.fill(ctx, c); err != nil {
		return "", err
	}
	return get(), nil
}

func (d *directory) fill(ctx context.Context, c *Client) error {
	ids, emails := map[string]string{}, map[string]string{}
	at := c.cfg.Now()
	for page := 1; ; page++ {
		var a users
		query := url.Values{"type": {"AllUsers"}, "page": {strconv.Itoa(page)}, "per_page": {"200"}}
		if _, err := c.read(ctx, rest.Call{Op: "zoho.Users", Path: "/users", Query: query}, &a); err != nil {
			return err
		}
		for _, u := range a.Users {
			emails[string(u.ID)] = u.Email
			if u.Status == "active" && crm.IsKey(string(u.ID)) {
				ids[strings.ToLower(u.Email)] = string(u.ID)
			}
		}
		if !a.Info.More || page == maxPages {
			break
		}
	}
	d.ids, d.emails, d.read = ids, emails, at
	return nil
}

// CurrentUser returns the id of the user whose token this is. It asks Zoho once.
func (c *Client) CurrentUser(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.me != "" {
		return c.me, nil
	}
	var a users
	const op = "zoho.CurrentUser"
	if _, err := c.read(ctx, rest.Call{Op: op, Path: "/users", Query: url.Values{"type": {"CurrentUser"}}}, &a); err != nil {
		return "", err
	}
	if len(a.Users) != 1 || !crm.IsKey(string(a.Users[0].ID)) {
		return "", &fault.Error{Op: op, Kind: fault.Setup, Code: "NO_USER"}
	}
	c.me = string(a.Users[0].ID)
	return c.me, nil
}
