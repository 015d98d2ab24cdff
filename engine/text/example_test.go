package text_test

import (
	"fmt"
	"log"

	"github.com/stele-lm/stele/engine/text"
)

func ExampleTemplate_Render() {
	source := `{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}` +
		`{% if add_generation_prompt %}<assistant>{% endif %}`
	template, err := text.NewTemplate(source, "", "")
	if err != nil {
		log.Fatal(err)
	}
	prompt, err := template.Render([]text.Message{{Role: "user", Content: "2 + 2?"}}, true)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(prompt)
	// Output: <user>2 + 2?<assistant>
}
