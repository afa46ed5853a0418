import { registry } from "@web/core/registry";
import { CharField, charField } from "@web/views/fields/char/char_field";

/** The name of a tag, further in the more tags there are above it. */
export class TagTreeNameField extends CharField {
    static template = "sales_funnel_crm.TagTreeNameField";

    get style() {
        const path = this.props.record.data.parent_path || "";
        const level = path.split("/").filter(Boolean).length - 1;
        return `padding-inline-start: ${Math.max(level, 0) * 1.5}rem`;
    }
}

export const tagTreeNameField = {
    ...charField,
    component: TagTreeNameField,
    fieldDependencies: [
        { name: "parent_path", type: "char", readonly: true },
        { name: "display_name", type: "char", readonly: true },
    ],
};

registry.category("fields").add("tag_tree_name", tagTreeNameField);
