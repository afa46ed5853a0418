import { DEFAULT_CHOICES, readChoices } from "./funnel_choices";

export class FunnelArchParser {
    /**
     * @param {Element} arch
     * @returns {{title: string, choices: Object}} what the view shows at first
     */
    parse(arch) {
        const attributes = [...arch.attributes].map(({ name, value }) => [name, value]);
        return {
            title: arch.getAttribute("string") || "",
            choices: {
                ...DEFAULT_CHOICES,
                ...readChoices(Object.fromEntries(attributes)),
            },
        };
    }
}
