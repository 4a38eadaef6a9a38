package connector

const description = `Sets up, checks and steers a stack of CRM Connector.

Which stack: --stack NAME with AWS's own environment (AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and AWS_ENDPOINT_URL for an emulator), or --desk URL for the process that make run starts.

Settings and secrets are those of the stack: what the deployed functions are told, and what is stored. A variable that says something else in the environment here is named and not gone by, but for connector setup and connector token (without --subject and --new-key), which take secrets to store, and the settings that the next deployment will bring (ZOHO_CLIENT_ID, ZOHO_ACCOUNTS_URL, WHATSAPP_PHONE_NUMBER_ID, CONVERSIONS_JWT_...); before a stack is deployed all settings are taken from the environment. The process of make run tells with which it was started, and those hold; secrets it does not tell: those that are not the sandbox's are given to this command too.

Secrets are never given on the command line: they come from --secret-file, else from the environment, else are asked for.

Exit codes: 0 done, no finding; 1 a finding or a failure; 2 the command line or a setting is wrong; 3 the stack is of another version; 130 stopped.`

// Flags are what every command takes.
type Flags struct {
	Stack      string `help:"Name of the stack; else the variable CONNECTOR_STACK." placeholder:"NAME"`
	Desk       string `help:"Address of a process that make run started, instead of a stack: http://127.0.0.1:8080; else the variable CONNECTOR_DESK." placeholder:"URL"`
	Connection string `help:"The pair of accounts." default:"main"`
	JSON       bool   `help:"Print one JSON object instead of text." name:"json"`
	Plan       bool   `help:"Show what would be done, and change nothing."`
	Force      bool   `help:"Look at a stack of another version all the same. Commands that change something still stop."`
	SecretFile string `help:"File with lines NAME=value, for secrets; it goes before variables of the same names." placeholder:"FILE" type:"path"`
}

// commandLine is what a person may type.
type commandLine struct {
	Flags

	Setup        setupCommand        `cmd:"" help:"Set up what a CRM needs. Run it again at any time."`
	Doctor       doctorCommand       `cmd:"" help:"Check everything; each finding comes with the step that mends it."`
	Mapping      mappingCommand      `cmd:"" help:"Which property is which field."`
	Conversation conversationCommand `cmd:"" help:"Which words on WhatsApp mean what, and what is answered."`
	Mode         modeCommand         `cmd:"" help:"How far the stack goes: off, observe or on."`
	Pause        pauseCommand        `cmd:"" help:"Stop carrying anything across."`
	Resume       resumeCommand       `cmd:"" help:"Carry across again, and let go of the brake."`
	Parked       parkedCommand       `cmd:"" help:"Operations that were given up on."`
	Explain      explainCommand      `cmd:"" help:"What is known of one record."`
	Sync         syncCommand         `cmd:"" help:"Bring records in step now."`
	Import       importCommand       `cmd:"" help:"Bring everything that exists in step, page by page."`
	Link         linkCommand         `cmd:"" help:"Decide which two records belong together, or show how all would be matched."`
	Erase        eraseCommand        `cmd:"" help:"Forget a person."`
	Redrive      redriveCommand      `cmd:"" help:"Put the messages of the dead-letter queues back into their queues."`
	Conversions  conversionsCommand  `cmd:"" help:"Conversion events: are they counted rightly?"`
	Token        tokenCommand        `cmd:"" help:"Keys and tokens of the callers of conversions and messages."`
	Quarantine   quarantineCommand   `cmd:"" help:"Deliveries that could not be read, or are of another portal."`
}
