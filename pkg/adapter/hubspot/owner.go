package hubspot

import (
	"context"
	"net/url"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// How long the list of owners holds, and how soon an owner who is not on it is asked for again.
const (
	ownersLast = time.Hour
	ownersMiss = time.Minute
)

// directory remembers the account's users.
type directory struct {
	asked   time.Time
	address map[string]string // by owner id, archived users too: their records keep them
	id      map[string]string // by lower-case address, active users only
}

// ownerAddress returns the e-mail address of an owner, unknown when HubSpot does not tell it.
func (c *Client) ownerAddress(ctx context.Context, id string) (crm.Value, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.owners.address[id]; c.stale(known) {
		if err := c.loadOwners(ctx); err != nil {
			return crm.Value{}, err
		}
	}
	if address := c.owners.address[id]; address != "" {
		return crm.Text(address), nil
	}
	return crm.Unknown(), nil
}

// ownerID returns the id of the active owner with that address, "" when there is none.
func (c *Client) ownerID(ctx context.Context, address string) (string, error) {
	address = strings.ToLower(address)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.owners.id[address]; c.stale(known) {
		if err := c.loadOwners(ctx); err != nil {
			return "", err
		}
	}
	return c.owners.id[address], nil
}

func (c *Client) stale(known bool) bool {
	age := c.now().Sub(c.owners.asked).Abs()
	return age >= ownersLast || !known && age >= ownersMiss
}

// loadOwners reads all owners (GET /crm/owners/{version}; scope crm.objects.owners.read).
func (c *Client) loadOwners(ctx context.Context) error {
	d := directory{asked: c.now(), address: map[string]string{}, id: map[string]string{}}
	for _, archived := range [...]string{"true", "false"} {
		query := url.Values{"limit": {"500"}, "archived": {archived}}
		for more := true; more; {
			var page struct {
				Results []struct {
					ID    text   `json:"id"`
					Email string `json:"email"`
				} `json:"results"`
				Paging paging `json:"paging"`
			}
			if err := c.get(ctx, "hubspot.Owners", "/crm/owners/"+Version, query, &page); err != nil {
				return err
			}
			for _, o := range page.Results {
				d.address[string(o.ID)] = o.Email
				if archived == "false" && o.Email != "" {
					d.id[strings.ToLower(o.Email)] = string(o.ID)
				}
			}
			after := page.Paging.Next.After
			more = after != "" && string(after) != query.Get("after")
			query.Set("after", string(after))
		}
	}
	c.owners = d
	return nil
}

// paging is how HubSpot's lists name their next page.
type paging struct {
	Next struct {
		After text `json:"after"`
	} `json:"next"`
}
