package conversation

import (
	"context"
	"strings"

	"crm-connector/pkg/core/chat/who"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/pair"
)

// People tells the connector who has written: a person who is made in HubSpot a moment after he wrote is the one whose messages
// are logged. It reads the rows of Flow, and needs the same Hasher.
type People struct {
	Store  Store
	Hasher pair.Hasher
}

// locked is the name under which a key of a person is locked while a contact is looked for and made.
func locked(name string) string { return "whatsapp " + name }

// Names returns what is locked while a contact is made for whoever has these numbers, one a number that can be read. A number
// without a country code is one of the region, an ISO 3166 code, or canon.NoRegion.
func (p People) Names(conn, region string, numbers ...crm.Value) []string {
	var out []string
	for _, v := range numbers {
		if n := who.Phone(v.Text(), region); !n.IsZero() {
			out = append(out, locked(hashed(p.Hasher, "number", conn, n.Line.Text())))
		}
	}
	return out
}

// Contact returns the id of the Zoho contact on which the messages of a person are logged, by one of Names; "" when nobody has
// written from that number. Errors are those of the table.
func (p People) Contact(ctx context.Context, conn, name string) (string, error) {
	var k known
	f := Flow{Store: p.Store}
	if _, err := f.load(ctx, personKey(conn, strings.TrimPrefix(name, locked(""))), &k); err != nil || k.Retired {
		return "", err
	}
	b, err := f.being(ctx, conn, k.Person)
	return b.Contact, err
}
