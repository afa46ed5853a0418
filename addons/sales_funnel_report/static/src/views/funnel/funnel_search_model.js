import { pick } from "@web/core/utils/objects";
import { SearchModel } from "@web/search/search_model";

import { readSearch, readUrl } from "./funnel_url";

/** What a query element says beside its search item. */
const QUERY_KEYS = ["autocompleteValue", "generatorId", "intervalId"];

/** The search bar, as it can be written in an address. */
export class FunnelSearchModel extends SearchModel {
    /** @override */
    async load(config) {
        const isInAction = Boolean(this.env.__getGlobalState__);
        const facets =
            isInAction &&
            (readUrl()?.search || readSearch(config.globalState?.funnel?.facets));
        await super.load(facets ? { ...config, state: null } : config);
        this.isDefaultQuery = !facets && !config.state;
        if (facets) {
            await this._importFacets(facets);
        }
        this.firstFacets = JSON.stringify(this._exportFacets());
    }

    /**
     * @returns {string | undefined} what is active in the search bar, unless it
     *  is so by itself
     */
    exportFacets() {
        const facets = JSON.stringify(this._exportFacets());
        return this.isDefaultQuery && facets === this.firstFacets ? undefined : facets;
    }

    // ------------------------------------------------------------
    // Protected
    // ------------------------------------------------------------

    /** @returns {Object[]} one for each element of the query */
    _exportFacets() {
        return this.query.map((element) => {
            const item = this.searchItems[element.searchItemId];
            if (item.type === "field_property") {
                return this._describeProperty(item, element.autocompleteValue);
            }
            return { ...this._describe(item), ...pick(element, ...QUERY_KEYS) };
        });
    }

    /** What a search item can be found by again, in any language. */
    _describe(item) {
        if (item.type === "favorite") {
            return { favorite: item.serverSideId };
        }
        if (item.name) {
            return { name: item.name };
        }
        if (item.type === "filter") {
            return pick(item, "description", "domain", "groupId");
        }
        return pick(item, "type", "fieldName");
    }

    /** Properties are known only when somebody looks at them: a filter instead. */
    _describeProperty(item, value) {
        return {
            description: `${item.description}: ${value.label}`,
            domain: this._getFieldDomain(item, [value]).toString(),
            groupId: item.groupId,
        };
    }

    async _importFacets(facets) {
        this.blockNotification = true;
        this.query = [];
        if (facets.some(({ name }) => name?.startsWith("group_by_"))) {
            await this.fillSearchViewItemsProperty();
        }
        const custom = {};
        for (const facet of facets) {
            const item = this._findItem(facet);
            if (item) {
                this.query.push({
                    searchItemId: item.id,
                    ...pick(facet, ...QUERY_KEYS),
                });
            } else if (facet.domain) {
                (custom[facet.groupId] ||= []).push(
                    pick(facet, "description", "domain")
                );
            } else if (
                facet.type !== "field" &&
                facet.fieldName in this.searchViewFields
            ) {
                this.createNewGroupBy(facet.fieldName, { interval: facet.intervalId });
            }
        }
        Object.values(custom).forEach((filters) => this.createNewFilters(filters));
        this.blockNotification = false;
        this._reset();
    }

    _findItem(facet) {
        const items = Object.values(this.searchItems);
        if (facet.favorite) {
            return items.find((item) => item.serverSideId === facet.favorite);
        }
        if (facet.name) {
            return items.find((item) => item.name === facet.name);
        }
        if (facet.type === "field" && facet.autocompleteValue) {
            return items.find(
                (item) => item.type === "field" && item.fieldName === facet.fieldName
            );
        }
        return null;
    }
}
