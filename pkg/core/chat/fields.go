package chat

// The fields of everything that travels, each under a short name that never changes its meaning: a new meaning gets a new
// name, and what an older consumer must not overlook raises Version.

func (u *Update) fields(c *coder) {
	c.word("a", &u.Account)
	c.word("n", &u.Number)
	c.word("d", &u.Display)
	pointer(c, "m", &u.Message, (*Message).fields)
	pointer(c, "s", &u.Status, (*Status).fields)
	pointer(c, "p", &u.Preference, (*Preference).fields)
	pointer(c, "x", &u.Notice, (*Notice).fields)
}

func (p *Person) fields(c *coder) {
	c.text("u", &p.User)
	c.text("o", &p.Parent)
	c.text("p", &p.Phone)
	c.text("k", &p.Username)
	c.text("n", &p.Name)
}

func (m *Message) fields(c *coder) {
	kind, forwarded := string(m.Type), int(m.Forwarded)
	c.text("i", &m.ID)
	c.time("t", &m.At)
	part(c, "f", &m.From, (*Person).fields)
	c.word("y", &kind)
	c.word("k", &m.Kind)
	c.text("g", &m.Group)
	c.text("x", &m.Text)
	c.text("d", &m.More)
	c.text("c", &m.Choice)
	c.text("r", &m.About)
	c.number("w", &forwarded)
	part(c, "p", &m.Product, (*Product).fields)
	part(c, "a", &m.Ad, (*Ad).fields)
	part(c, "m", &m.Media, (*Media).fields)
	part(c, "l", &m.Place, (*Place).fields)
	list(c, "v", &m.Cards, (*Card).fields)
	list(c, "o", &m.Items, (*Item).fields)
	list(c, "q", &m.Form, (*Detail).fields)
	part(c, "n", &m.Changed, (*Person).fields)
	list(c, "e", &m.Errors, (*Error).fields)
	m.Type, m.Forwarded = Type(kind), Forwarded(forwarded)
}

func (p *Product) fields(c *coder) {
	c.word("c", &p.Catalog)
	c.word("a", &p.Article)
}

func (a *Ad) fields(c *coder) {
	c.word("s", &a.Source)
	c.word("i", &a.ID)
	c.text("u", &a.URL)
	c.text("h", &a.Headline)
	c.text("b", &a.Body)
	c.text("c", &a.Click)
}

func (m *Media) fields(c *coder) {
	c.word("i", &m.ID)
	c.word("m", &m.MIME)
	c.word("h", &m.SHA256)
	c.text("f", &m.Filename)
	c.flag("v", &m.Voice)
	c.flag("a", &m.Animated)
}

func (p *Place) fields(c *coder) {
	c.word("y", &p.Latitude)
	c.word("x", &p.Longitude)
	c.text("n", &p.Name)
	c.text("a", &p.Address)
	c.text("u", &p.URL)
}

func (k *Card) fields(c *coder) {
	c.text("n", &k.Name)
	c.text("c", &k.Company)
	c.texts("p", &k.Phones)
	c.texts("w", &k.Numbers)
	c.texts("m", &k.Emails)
	c.word("o", &k.Origin)
}

func (i *Item) fields(c *coder) {
	c.word("a", &i.Article)
	c.word("q", &i.Quantity)
	c.word("p", &i.Price)
	c.word("c", &i.Currency)
}

func (d *Detail) fields(c *coder) {
	c.word("n", &d.Name)
	c.text("v", &d.Value)
}

func (e *Error) fields(c *coder) {
	c.number("c", &e.Code)
	c.text("t", &e.Title)
	c.text("d", &e.Details)
}

func (s *Status) fields(c *coder) {
	state := string(s.State)
	c.text("i", &s.ID)
	c.word("s", &state)
	c.time("t", &s.At)
	part(c, "p", &s.To, (*Person).fields)
	c.text("g", &s.Group)
	c.text("o", &s.Callback)
	c.word("k", &s.Category)
	c.word("b", &s.Billing)
	list(c, "e", &s.Errors, (*Error).fields)
	s.State = State(state)
}

func (p *Preference) fields(c *coder) {
	part(c, "f", &p.From, (*Person).fields)
	c.time("t", &p.At)
	c.word("v", &p.Value)
	c.word("c", &p.Category)
	c.text("d", &p.Detail)
}

func (n *Notice) fields(c *coder) {
	c.word("f", &n.Field)
	c.word("v", &n.Event)
	c.time("t", &n.At)
	list(c, "d", &n.Details, (*Detail).fields)
	list(c, "e", &n.Errors, (*Error).fields)
}

func (p *Parcel) fields(c *coder) {
	c.number("v", &p.V)
	c.word("connection", &p.Connection)
	c.time("receivedAt", &p.ReceivedAt)
	c.word("trace", &p.Trace)
	list(c, "updates", &p.Updates, (*Update).fields)
}

func (t *Track) fields(c *coder) {
	list(c, "s", &t.steps, (*step).fields)
	list(c, "e", &t.errors, (*Error).fields)
	c.word("k", &t.category)
	c.word("b", &t.billing)
}

func (s *step) fields(c *coder) {
	state := string(s.state)
	c.word("s", &state)
	c.time("t", &s.at)
	s.state = State(state)
}
