package crm

// Policy says which side of a field may win.
type Policy string

// The policies of a field.
const (
	// Newest: the later edit wins.
	Newest Policy = "newest"
	// ToZoho: HubSpot's edits go to Zoho, Zoho's stay there.
	ToZoho Policy = "to-zoho"
	// ToHubSpot: Zoho's edits go to HubSpot, HubSpot's stay there.
	ToHubSpot Policy = "to-hubspot"
	// Forward: a stage that only moves on; the further one wins, whatever the time.
	Forward Policy = "forward"
	// Strict: consent; the more restrictive value wins, whatever the time.
	Strict Policy = "strict"
	// AtCreation: written when the record is created, left alone from then on.
	AtCreation Policy = "at-creation"
)
