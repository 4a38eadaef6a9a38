package hubspottest

import (
	"slices"
	"time"

	"crm-connector/pkg/core/crm"
)

// event is one webhook event. HubSpot docs: Webhooks guide, "Webhook payloads".
type event struct {
	EventID        int64   `json:"eventId"`
	SubscriptionID int64   `json:"subscriptionId"`
	PortalID       int64   `json:"portalId"`
	AppID          int64   `json:"appId"`
	OccurredAt     int64   `json:"occurredAt"`
	Type           string  `json:"subscriptionType"`
	Attempt        int     `json:"attemptNumber"`
	ObjectID       int64   `json:"objectId,omitempty"`
	ObjectTypeID   string  `json:"objectTypeId,omitempty"`
	ChangeFlag     string  `json:"changeFlag,omitempty"`
	ChangeSource   string  `json:"changeSource,omitempty"`
	SourceID       string  `json:"sourceId,omitempty"`
	Property       string  `json:"propertyName,omitempty"`
	Value          *string `json:"propertyValue,omitempty"`
	Sensitive      *bool   `json:"isSensitive,omitempty"`
	PrimaryID      int64   `json:"primaryObjectId,omitempty"`
	MergedIDs      []int64 `json:"mergedObjectIds,omitempty"`
	NewID          int64   `json:"newObjectId,omitempty"`
	Moved          *int    `json:"numberOfPropertiesMoved,omitempty"`
	Association    string  `json:"associationType,omitempty"`
	AssociationID  int64   `json:"associationTypeId,omitempty"`
	Category       string  `json:"associationCategory,omitempty"`
	FromID         int64   `json:"fromObjectId,omitempty"`
	FromTypeID     string  `json:"fromObjectTypeId,omitempty"`
	ToID           int64   `json:"toObjectId,omitempty"`
	ToTypeID       string  `json:"toObjectTypeId,omitempty"`
	Removed        *bool   `json:"associationRemoved,omitempty"`
	Primary        *bool   `json:"isPrimaryAssociation,omitempty"`

	kind  string // creation, deletion, merge, restore, propertyChange, associationChange, privacyDeletion
	alone bool   // never in a delivery with others
	due   time.Time
}

// emit fills in what every event has and puts it into the outbox. privacyDeletion has no generic form.
// HubSpot docs: Webhooks, "Generic webhook subscriptions".
func (s *Server) emit(t *table, e event, by actor) {
	if s.opt.Send == nil {
		return
	}
	at := s.now()
	s.events++
	e.Type = t.singular + "." + e.kind
	if s.opt.Generic && e.kind != "privacyDeletion" {
		e.Type, e.ObjectTypeID = "object."+e.kind, t.typeID
	}
	e.EventID = 3_000_000_000 + s.events
	e.SubscriptionID = s.subscription(t.singular + e.Type + ":" + e.Property)
	e.PortalID, e.AppID = s.opt.PortalID, number(s.opt.AppID)
	e.OccurredAt = at.UnixMilli()
	e.ChangeSource, e.SourceID = by.sourceType, by.sourceID
	e.due = at
	if s.opt.Reorder > 0 {
		e.due = at.Add(time.Duration(s.opt.Rand.Int64N(int64(s.opt.Reorder) + 1)))
	}
	s.outbox = append(s.outbox, &e)
}

// subscription returns the id of a subscription: one for each type, and for propertyChange one for each property.
func (s *Server) subscription(name string) int64 {
	id, known := s.subscriptions[name]
	if !known {
		id = 4_578_000 + int64(len(s.subscriptions))
		s.subscriptions[name] = id
	}
	return id
}

// emitProperty fires a propertyChange where the property is subscribed to. Two cannot be: the last-modified one and
// num_unique_conversion_events. HubSpot docs: Webhooks, "Property change subscriptions".
func (s *Server) emitProperty(t *table, r *record, p pair, by actor) {
	def := t.property(p.name)
	if s.opt.Send == nil || def == nil || p.name == t.modified || p.name == "num_unique_conversion_events" || !s.subscribed(t.module, def) {
		return
	}
	e := event{kind: "propertyChange", ObjectID: number(r.id), Property: p.name, Value: &p.value}
	if s.opt.Generic {
		e.Sensitive = new(bool)
	}
	s.emit(t, e, by)
}

// optOut is what an unsubscription from all e-mail sets. Nobody can write it, and it can be subscribed to all the same: it is
// not among the properties that HubSpot's docs except, which name unsubscriptions as a use of webhooks ("Configure a webhook
// subscription", When to use webhooks), and HubSpot's support points whoever asks to a subscription to it
// (https://community.hubspot.com/t5/APIs-Integrations/Webhook-for-contact-opting-out-of-email/m-p/320868). The form for
// subscriptions did not offer it to the one who asked there: Options.Subscribed without it plays that app.
const optOut = "hs_email_optout"

// subscribed reports whether a change of the property is told. Calculated properties are not, unless a test says so.
func (s *Server) subscribed(m crm.Module, p *Property) bool {
	if s.opt.Subscribed == nil {
		return !p.ReadOnly || p.Name == optOut
	}
	return slices.Contains(s.opt.Subscribed[m], p.Name)
}

// emitAssociation fires an associationChange from either side. HubSpot docs: Webhooks, "Association change subscriptions"
// (two events; a primary association makes the plain one too, which comes on its own).
func (s *Server) emitAssociation(contact, company *record, primary, removed bool, by actor) {
	if s.opt.Send == nil {
		return
	}
	forth, back := int64(contactToCompany), int64(companyToContact)
	if primary {
		forth, back = contactToPrimary, companyToPrimary
	}
	s.emitSide(s.contacts(), contact, s.companies(), company, forth, primary, removed, by)
	s.emitSide(s.companies(), company, s.contacts(), contact, back, primary, removed, by)
}

func (s *Server) emitSide(ft *table, from *record, tt *table, to *record, typeID int64, primary, removed bool, by actor) {
	e := event{kind: "associationChange", FromID: number(from.id), ToID: number(to.id), Removed: &removed, Primary: &primary}
	if s.opt.Generic {
		e.FromTypeID, e.ToTypeID, e.AssociationID, e.Category = ft.typeID, tt.typeID, typeID, "HUBSPOT_DEFINED"
	} else {
		e.Association = ft.upper + "_TO_" + tt.upper
	}
	s.emit(ft, e, by)
}
